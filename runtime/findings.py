"""What the checks of a pass found on their device, read by the host once, as the pass ends.

Each check leaves a few numbers, the larger the worse, and says what they mean once they are read.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

Judge = Callable[[Sequence[float]], None]
"""Takes the numbers that a check left, and raises if they are bad."""


@dataclass
class Findings:
    """Numbers of several checks, in the order in which they are judged."""

    parts: list[tuple[Tensor, Judge]] = field(default_factory=list)

    def add(self, found: Tensor, judge: Judge) -> None:
        """Add the numbers of a check, of any shape and dtype, and what judges them."""
        if found.numel():
            self.parts.append((found, judge))

    def row(self) -> Tensor | None:
        """Return all numbers, float64 [N] on their device, None without any."""
        if not self.parts:
            return None
        return torch.cat([found.detach().reshape(-1).double() for found, _ in self.parts])

    def judge(self, values: Sequence[float]) -> None:
        """Judge numbers that `row` gave, check by check; raises what the first bad one raises."""
        first = 0
        for found, judge in self.parts:
            judge(values[first : first + found.numel()])
            first += found.numel()

    def settle(self) -> None:
        """Read all numbers at once, which waits for the device, and judge them."""
        row = self.row()
        if row is not None:
            self.judge(row.tolist())
