"""The planner as a mixed-integer program: an optimum by other means than labels.

It has all arcs of the chain, skips or none, and lets HiGHS choose a path. The topological order is
fixed, as everywhere here. It is slower than the labels, and what the label method is held against
where there are too many plans to try each.
"""

from revc.passes.schedule.arcs import Arcs
from revc.passes.schedule.chain import Chain
from revc.passes.schedule.feasible import infeasible, reach
from revc.passes.schedule.plan import Plan
from revc.passes.schedule.program import Program


def milp_plan(chain: Chain, memory: int, seconds: float = 60.0) -> Plan | None:
    """Return a plan of least extra time, None if the time is over.

    Raises:
        InfeasibleError: no plan fits.
    """
    arcs = Arcs(chain)
    known = reach(arcs, memory)
    if known is None:
        raise infeasible(arcs, memory)
    every = [one for alone in known.alone for one in alone]
    for last in range(1, arcs.count + 1):
        groups = arcs.groups(last, memory)
        every += (groups.arc(first) for first in range(known.first[last], last + 1))
    chosen = Program.make(every, arcs.count, memory, arcs.final).whole(seconds)
    if chosen is None:
        return None
    return Plan.from_units(sorted((arc.unit for arc in chosen), key=lambda unit: unit.first))
