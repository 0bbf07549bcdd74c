"""What a run knows its states by again: a checksum of each register, or a sketch of float state."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from revc.runtime.run.rows import Rows
from revc.runtime.state import boundary, drift
from revc.runtime.state.checksum import checksum


class Marks:
    """The marks of a run's states, in front of each segment.

    Where all state is held in integers (`exact`), marks are checksums and must be equal. Else they
    are sketches, and a register may have strayed by `tolerance`, as a fraction of the largest norm
    in the run; infinity means that nothing is marked.
    """

    def __init__(
        self, exact: bool, tolerance: float, positions: int, width: int, device: torch.device
    ) -> None:
        self.exact, self.tolerance, self.device = exact, tolerance, device
        self.on = exact or tolerance != float("inf")
        kind = torch.int64 if exact else torch.float64
        self._rows = Rows(positions if self.on else 0, width * (1 if exact else 2), kind, device)
        self._slack: Tensor | None = None

    def put(self, position: int, names: Sequence[str], state: Mapping[str, Tensor]) -> Tensor:
        """Mark registers at a position; return their marks."""
        row = self.of(names, state)
        self._rows.put(position, row)
        return row

    def of(self, names: Sequence[str], state: Mapping[str, Tensor]) -> Tensor:
        """Return the marks of registers, in their order."""
        registers = [state[name] for name in names]
        row = checksum(registers) if self.exact else drift.sketch(registers)
        return row if registers else torch.empty_like(row, device=self.device)

    def allow(self, final: Mapping[str, Tensor], *known: Tensor) -> None:
        """Fix how far float state may stray: by the norms in marks and in the final state."""
        if self.on and not self.exact:
            ends = drift.sketch(list(final.values())).to(self.device)
            self._slack = self.tolerance * drift.largest(self._rows.filled, *known, ends)

    def slack(self, norms: Sequence[Tensor]) -> Tensor:
        """Return how far what was emitted may stray, 0-dim, by its own largest norms as well."""
        assert self._slack is not None
        return torch.stack([self._slack, *(self.tolerance * norm for norm in norms)]).amax()

    def compare(self, position: int, names: Sequence[str], state: Mapping[str, Tensor]) -> Tensor:
        """Return how many registers are not what they were at a position, [1]."""
        now = self.of(names, state)
        return self.differing(now, self._rows.row(position, now.shape[0]))

    def differing(self, now: Tensor, then: Tensor) -> Tensor:
        """Return how many registers' marks differ, [1]."""
        if self._slack is None:
            return boundary.mismatches(now, then)
        return drift.strayed(now, then, self._slack)
