"""A plan of modules as text."""

from collections.abc import Iterator

from revc.passes.schedule.plan import Action
from revc.passes.schedule.units import show_bytes
from revc.planning.modules.plan import PlannedModules

HEADING = ("segment", "module", "action", "kept", "again")


def rows(planned: PlannedModules) -> Iterator[tuple[str, ...]]:
    """Yield a row for each segment: what is kept for it, and what it costs again.

    A group's input is kept for its first segment; what goes to the host is not counted.
    """
    for unit in planned.plan.units():
        for number in range(unit.first, unit.last + 1):
            stage, cut = planned.stages[number - 1], planned.module.cuts[number - 1]
            action = planned.plan.actions[number - 1]
            again = 0.0
            if unit.action is Action.CHECKPOINT:
                again = stage.rerun_time if number == unit.last else stage.time
            kinds = (type(planned.module.get_submodule(name)).__name__ for name in cut.names)
            kept = show_bytes(planned.kept[number - 1])
            changed = " (buffers put back)" if again and any(cut.changed) else ""
            yield stage.name, ", ".join(kinds), action + changed, kept, f"{again:.4g}"


def summary(planned: PlannedModules) -> str:
    """Return what a plan takes, in one sentence."""
    more = planned.extra / planned.plain if planned.plain else 0.0
    least = planned.bound / planned.plain if planned.plain else 0.0
    shown = "the least" if planned.bound == planned.extra else f"at least {100 * least:.2f} %"
    return (
        f"peak {show_bytes(planned.peak)} of {show_bytes(planned.memory)}, "
        f"{100 * more:.2f} % of the forward pass's {planned.unit} more ({shown} of one-level plans)"
    )


def table(planned: PlannedModules) -> str:
    """Return the summary, and the actions in columns."""
    lines = [HEADING, *rows(planned)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    text = ["  ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)) for line in lines]
    return "\n".join([summary(planned), *(line.rstrip() for line in text), ""])
