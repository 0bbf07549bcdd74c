"""The share alpha of a distribution's entropy, in integers."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from revc.runtime.bits import host
from revc.runtime.bits.constants import ALPHA_BITS
from revc.runtime.bits.engine import engine_of
from revc.runtime.bits.errors import ParameterError

ONE = 1 << ALPHA_BITS
RANGE = "alpha: every value has to be in [0, 1]"


class Alpha:
    """A float tensor [B], one value a sequence, or [] for all; each in [0, 1].

    Rounded to 2**-20.

    Raises:
        ParameterError: another dtype or shape, or values out of range: at once on the CPU, else
            when a stack is used.
    """

    def __init__(self, values: Tensor) -> None:
        if not values.is_floating_point() or values.dim() > 1:
            raise ParameterError("alpha is float [B], or one number")
        wide = values.detach().double()
        self.bad = ~((wide >= 0) & (wide <= 1)).all()
        if not host.waits(values.device) and bool(self.bad):
            raise ParameterError(RANGE)
        self.units = torch.round(torch.nan_to_num(wide, nan=1.0).clamp(0, 1) * ONE).long()

    def each(self, shape: Sequence[int], token: Tensor | None) -> Tensor:
        """Values in 2**-20 of the sequences of symbols of ``shape``, int64; reports bad ones.

        Raises:
            ParameterError: there is not one a sequence.
        """
        if token is not None:
            engine_of(token).faults.parameter(self.bad, RANGE)
        if not self.units.dim():
            return self.units.expand(tuple(shape[:1]))
        if not shape or self.units.shape[0] != shape[0]:
            found = f"alpha {list(self.units.shape)}"
            raise ParameterError(f"{found} does not fit symbols {list(shape)}: one a sequence")
        return self.units

    def along(self, shape: Sequence[int], token: Tensor | None) -> Tensor:
        """The same, expanded to ``shape``."""
        units = self.each(shape, token)
        return units.reshape(-1, *[1] * (len(shape) - 1)).expand(tuple(shape)) if shape else units


def share(entropy: Tensor, alpha: Tensor) -> Tensor:
    """alpha (in 2**-20) times an entropy in 2**-32 bit, int64."""
    return (alpha * entropy) >> ALPHA_BITS
