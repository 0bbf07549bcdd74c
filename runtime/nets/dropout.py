"""Dropout, as a net without parameters."""

from torch import Tensor
from torch.nn import functional

from revc.runtime.nets.base import Net


class Dropout(Net):
    """Keep each element with probability 1 - `p`, divided by it; in evaluation keep everything.

    Compiled graphs draw the mask from the reservoir; this plain form draws from torch's generator.
    Source: Srivastava et al., "Dropout" (2014), in the form that scales while training.
    """

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        """Return x with elements dropped, of the same shape."""
        return functional.dropout(x, self.p, self.training)
