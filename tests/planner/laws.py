"""What holds for any chain, against every plan there is, through the simulator alone."""

from collections.abc import Callable

import pytest

from revc.passes.schedule.arcs import Arcs
from revc.passes.schedule.chain import Chain
from revc.passes.schedule.errors import InfeasibleError
from revc.passes.schedule.feasible import reach
from revc.passes.schedule.lagrange import prices
from revc.passes.schedule.lp import lp_bound
from revc.passes.schedule.milp import milp_plan
from revc.passes.schedule.simulate import simulate
from revc.passes.schedule.solve import solve
from tests.planner.brute import Frontier, budgets, frontier


def optimal(chain: Chain, found: Frontier) -> None:
    """The plan fits, is proved to be the optimum, and is."""
    for memory, time in budgets(found):
        solution = solve(chain, memory)
        assert simulate(chain, solution.plan).peak <= memory
        assert (solution.extra_time, solution.bound) == (time, time), memory
        assert solution.bound_by == "optimum"


def refused(chain: Chain, found: Frontier) -> None:
    """Below the least peak there is no plan, and the error names that peak and a step of it."""
    least = found[0][0]
    if least == 0:
        return
    with pytest.raises(InfeasibleError) as error:
        solve(chain, least - 1)
    assert error.value.least == least
    assert 1 <= error.value.segment <= len(chain.segments)


def bounded(chain: Chain, found: Frontier) -> None:
    """Both bounds are at most the optimum, and the linear program's is at least the price's."""
    for memory, time in budgets(found):
        arcs = Arcs(chain)
        known = reach(arcs, memory)
        assert known is not None
        priced = prices(arcs, known)
        own = set(known.plan.units())
        start = [one for alone in known.alone for one in alone]
        start += [
            arcs.groups(unit.last, memory).arc(unit.first)
            for unit in own
            if unit.action == "CHECKPOINT"
        ]
        lifted = lp_bound(arcs, known, start, float("inf"), 60.0)
        slack = 1e-6 * (1 + arcs.base)
        assert arcs.base + priced.bound <= time + slack
        assert priced.bound - slack <= lifted <= time - arcs.base + slack


def programmed(chain: Chain, found: Frontier) -> None:
    """The mixed-integer program finds the optimum too."""
    for memory, time in budgets(found):
        plan = milp_plan(chain, memory)
        assert plan is not None
        trace = simulate(chain, plan)
        assert trace.peak <= memory
        assert abs(trace.extra_time - time) < 1e-6


LAWS: dict[str, Callable[[Chain, Frontier], None]] = {
    "optimal": optimal,
    "refused": refused,
    "bounded": bounded,
    "programmed": programmed,
}


def check(chain: Chain, *names: str) -> None:
    """Check laws on a chain."""
    found = frontier(chain)
    for name in names or LAWS:
        LAWS[name](chain, found)
