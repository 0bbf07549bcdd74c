"""A planned schedule as text, and as an object for JSON."""

from collections.abc import Iterator
from itertools import groupby
from typing import Any

from revc.passes.schedule.units import columns, show_bytes
from revc.planning.lowest import UNCOUNTED
from revc.planning.plan import Planned

HEADING = ("segments", "action", "kept", "operations again")


def rows(planned: Planned) -> Iterator[tuple[str, ...]]:
    """Yield the actions in order, those of neighbours that are alike in one row."""
    costs = planned.costs
    found = []
    for at, (cost, action) in enumerate(zip(costs.segments, planned.schedule, strict=True)):
        kept = cost.ways[costs.actions[at].index(action)].kept
        found.append((_loop(cost.name), str(action), kept, operations_again(planned, at)))
    for (name, text), group in groupby(found, key=lambda one: one[:2]):
        kept, flops = zip(*(one[2:] for one in group), strict=True)
        turns = f" x {len(kept)}" if len(kept) > 1 else ""
        yield name + turns, text, show_bytes(sum(kept)), f"{sum(flops):.4g}"


def operations_again(planned: Planned, at: int) -> float:
    """Return the operations that a segment's action takes beyond saving it."""
    costs = planned.costs
    return float(costs.again[at][costs.actions[at].index(planned.schedule[at])])


def _loop(name: str) -> str:
    return name.removeprefix("segment ").split(", turn")[0]


def summary(planned: Planned) -> str:
    """Return what a schedule takes, in one sentence."""
    base = planned.costs.flops
    more = planned.flops / base if base else 0.0
    least = planned.bound / base if base else 0.0
    shown = "the least" if planned.bound == planned.flops else f"at least {100 * least:.2f} %"
    host = f"; {show_bytes(planned.host)} on the host, whose copies count" if planned.host else ""
    by = ", as compiled steps were seen to hold" if planned.compiled else ""
    early = "" if planned.in_time else "; the time limit ended the search"
    bits = "" if planned.bits else f" ({UNCOUNTED})"
    return (
        f"peak {show_bytes(planned.peak)} of {show_bytes(planned.memory)}{bits}, "
        f"{100 * more:.2f} % more operations than saving everything ({shown}{by}{early}){host}"
    )


def table(planned: Planned) -> str:
    """Return the summary, and the actions in columns."""
    return f"{summary(planned)}\n{columns([HEADING, *rows(planned)])}\n\n"


def as_object(planned: Planned) -> dict[str, Any]:
    """Return the answer for JSON."""
    return {
        "memory": planned.memory,
        "schedule": [str(action) for action in planned.schedule],
        "peak": planned.peak,
        "extra_flops": planned.flops,
        "flops": planned.costs.flops,
        "bound": planned.bound,
        "in_time": planned.in_time,
        "host": planned.host,
        "bits_counted": planned.bits,
        "compiled": planned.compiled,
    }
