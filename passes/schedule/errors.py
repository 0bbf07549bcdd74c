"""What a user can do wrong with the planner."""

from revc.errors import BudgetError, ScheduleError


class ChainError(ScheduleError):
    """A chain that does not parse or makes no sense; the message says where."""


class PlanError(ScheduleError):
    """A plan that is not legal for its chain; the message names the segment."""


class InfeasibleError(BudgetError):
    """No one-level plan fits the budget.

    Attributes:
        memory: the budget that was asked for.
        least: the least budget that a plan fits.
        segment: the number, from 1, of the segment whose step sets that.
        step: the step: ``forward``, ``loss``, ``re-run`` or ``backward``.
    """

    def __init__(self, memory: int, least: int, segment: int, step: str, name: str) -> None:
        self.memory, self.least, self.segment, self.step = memory, least, segment, step
        super().__init__(
            f"no plan fits {memory}: the least budget is {least}, which {step} of segment "
            f"{segment} ({name}) sets"
        )
