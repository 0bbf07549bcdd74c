"""A planned schedule as text, and as an object for JSON."""

from collections.abc import Iterator
from itertools import groupby
from typing import Any

from revc.passes.schedule.units import show_bytes
from revc.planning.plan import Planned

HEADING = ("segments", "action", "kept", "operations again")


def rows(planned: Planned) -> Iterator[tuple[str, ...]]:
    """Yield the actions in order, those of neighbours that are alike in one row."""
    pairs = list(zip(planned.costs.segments, planned.schedule, strict=True))
    alike = groupby(pairs, key=lambda pair: (_loop(pair[0].name), pair[1].kind))
    for (name, kind), group in alike:
        costs = [cost for cost, _ in group]
        saved = kind == "save"
        kept = sum((cost.kept or 0) if saved else cost.held for cost in costs)
        again = 0.0 if saved else sum(cost.time for cost in costs)
        turns = f" x {len(costs)}" if len(costs) > 1 else ""
        yield name + turns, kind, show_bytes(kept), f"{again:.4g}"


def operations_again(planned: Planned, at: int) -> float:
    """Return the operations that a segment's action takes beyond saving it."""
    return 0.0 if planned.schedule[at].kind == "save" else planned.costs.segments[at].time


def _loop(name: str) -> str:
    return name.removeprefix("segment ").split(", turn")[0]


def summary(planned: Planned) -> str:
    """Return what a schedule takes, in one sentence."""
    base = planned.costs.flops
    more = planned.flops / base if base else 0.0
    least = planned.bound / base if base else 0.0
    shown = "the least" if planned.bound == planned.flops else f"at least {100 * least:.2f} %"
    early = "" if planned.in_time else "; the time limit ended the search"
    return (
        f"peak {show_bytes(planned.peak)} of {show_bytes(planned.memory)}, "
        f"{100 * more:.2f} % more operations than saving everything ({shown}{early})"
    )


def table(planned: Planned) -> str:
    """Return the summary, and the actions in columns."""
    lines = [HEADING, *rows(planned)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    text = ["  ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)) for line in lines]
    return "\n".join([summary(planned), *(line.rstrip() for line in text), "", ""])


def as_object(planned: Planned) -> dict[str, Any]:
    """Return the answer for JSON."""
    return {
        "memory": planned.memory,
        "schedule": [action.kind for action in planned.schedule],
        "peak": planned.peak,
        "extra_flops": planned.flops,
        "flops": planned.costs.flops,
        "bound": planned.bound,
        "in_time": planned.in_time,
    }
