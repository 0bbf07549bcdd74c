"""A plan of modules, and how it is shown."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from revc.passes.schedule.plan import Action, Plan
from revc.passes.schedule.solve import BoundBy
from revc.passes.schedule.stages import Stage
from revc.passes.schedule.units import columns, show_bytes
from revc.planning.modules.runner import PlannedModule

HEADING = ("segment", "module", "action", "kept", "again")


@dataclass(frozen=True)
class PlannedModules:
    """A plan for a list of modules, and the module that runs it.

    Attributes:
        peak: the bytes that a step holds under it, beside parameters, their gradients and inputs.
        memory: the budget.
        workspace: of the peak, what kernels hold themselves, as it was measured.
        bound: by the costs, no plan of these actions within the budget costs less.
        module: takes what the first module takes, and gives what the last one gives.
        stages: what each segment keeps and holds.
        plan: an action for each segment.
        extra: what a step costs beyond one that saves everything: operations, or seconds.
        plain: what all forward passes cost.
        unit: of costs.
        bound_by: what the bound rests on.
        kept: bytes that stay for each segment between its passes.
        counted: what the segments' own costs come to. `peak` is what a whole step was measured to
            hold, or the same where nothing was run.
        gradient_error: of segments that keep codes, as it was measured on the example; 0 without.
    """

    peak: int
    memory: int
    workspace: int
    bound: float
    module: PlannedModule
    stages: tuple[Stage, ...]
    plan: Plan
    extra: float
    plain: float
    unit: Literal["operations", "seconds"]
    bound_by: BoundBy
    kept: tuple[int, ...]
    counted: int
    gradient_error: float

    @property
    def schedule(self) -> tuple[Action, ...]:
        """The actions of the segments, in order."""
        return self.plan.actions

    def __str__(self) -> str:
        return table(self)


def rows(planned: PlannedModules) -> Iterator[tuple[str, ...]]:
    """Yield a row for each segment: what is kept for it, and what it costs again.

    A group's input is kept for its first segment; what goes to the host is not counted.
    """
    for unit in planned.plan.units():
        for number in range(unit.first, unit.last + 1):
            stage, cut = planned.stages[number - 1], planned.module.cuts[number - 1]
            action: str = planned.plan.actions[number - 1]
            again = 0.0
            if unit.action is Action.CHECKPOINT:
                again = stage.rerun_time if number == unit.last else stage.time
            kinds = (type(planned.module.get_submodule(name)).__name__ for name in cut.names)
            kept = show_bytes(planned.kept[number - 1])
            if action is Action.COMPRESS:
                action = f"{action} {planned.module.bits[number]:g} bits"
            changed = any(cut.changed) or any(cut.noted)
            action += " (state put back)" if again and changed else ""
            yield stage.name, ", ".join(kinds), action, kept, f"{again:.4g}"


def summary(planned: PlannedModules) -> str:
    """Return what a plan takes, in one sentence."""
    more = planned.extra / planned.plain if planned.plain else 0.0
    least = planned.bound / planned.plain if planned.plain else 0.0
    shown = "the least" if planned.bound == planned.extra else f"at least {100 * least:.2f} %"
    near = ""
    if planned.module.bits:
        near = f"; gradients are approximate, off by {planned.gradient_error:.2g} on the example"
    return (
        f"peak {show_bytes(planned.peak)} of {show_bytes(planned.memory)}, {100 * more:.2f} % of "
        f"the forward pass's {planned.unit} more ({shown} of one-level plans){near}"
    )


def table(planned: PlannedModules) -> str:
    """Return the summary, and the actions in columns."""
    return f"{summary(planned)}\n{columns([HEADING, *rows(planned)])}\n"
