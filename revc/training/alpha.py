"""A throttle that is learned."""

import math

import torch
from torch import Tensor, nn

from revc.errors import BindError
from revc.runtime.model import ReversibleModel


class Alpha(nn.Module):
    """The throttle of one meter, ``sigmoid(logit)``: give its parameter to the optimiser too.

    A run draws with the value that `push` wrote into ``model.throttle``; the objective's gradient
    reaches the logit straight through that, by d(expected loss)/d(alpha) = -(bits written).

    Raises:
        BindError: no budget lets the meter be throttled, or `init` is not in (0, 1).
    """

    def __init__(self, model: ReversibleModel, meter: str, init: float = 0.99) -> None:
        super().__init__()
        if not 0 < init < 1:
            raise BindError(f"init = {init:g}: a learned throttle starts inside (0, 1)")
        self._model = [model]  # in a list: its parameters are not this module's
        self.meter = meter.rpartition(".")[2]
        self.logit = nn.Parameter(torch.tensor(math.log(init / (1 - init))))
        self.push()

    def forward(self) -> Tensor:
        """Return the throttle, 0-dim in (0, 1), differentiable."""
        return torch.sigmoid(self.logit)

    def push(self) -> None:
        """Let the next run draw with the present value."""
        self._model[0].throttle[self.meter] = float(self().detach())
