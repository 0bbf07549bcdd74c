"""What every plan within a budget says."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Budgeted:
    """A plan's memory and cost.

    Attributes:
        peak: the bytes that a step holds under it, beside parameters, their gradients and inputs.
        memory: the budget.
        workspace: of the peak, what kernels hold themselves, as it was measured.
        bound: by the costs, no plan of these actions within the budget costs less.
    """

    peak: int
    memory: int
    workspace: int
    bound: float
