"""How a statement codes its values; plain data."""

from dataclasses import dataclass

import torch

from revc.runtime.state.lattice import INTEGERS


@dataclass(frozen=True)
class Coding:
    """A distribution's family and settings, and how its values are held.

    `kind` is lattice, float32 or label; `fraction` and `width` are those of a lattice. `size` is
    the number of labels, `p` the rate of a dropout. `residue` says what becomes of a value's
    distance from its index: ``carry``, ``write``, ``drop`` (charged `drop` bits) or ``none``.
    """

    family: str
    kind: str
    fraction: int = 0
    width: int = 0
    step: float = 1.0
    components: int = 1
    size: int = 0
    p: float = 0.0
    residue: str = "none"
    drop: int = 0

    @property
    def unit(self) -> int:
        """Raw lattice units in a step of the index."""
        return round(self.step * 2**self.fraction)

    @property
    def dtype(self) -> torch.dtype:
        """What the values are held in."""
        if self.kind == "lattice":
            return INTEGERS[self.width]
        return torch.int64 if self.kind == "label" else torch.float32
