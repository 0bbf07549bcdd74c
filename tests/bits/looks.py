"""How often interpreted pops of mixtures look at boundaries; run with TRITON_INTERPRET=1.

Prints name -> (looks at a symbol's ends, steps of Newton's method, both a step of 64 lanes).
"""

import json
from collections.abc import Callable
from types import ModuleType
from typing import Any

import torch

from revc.runtime.bits import BitStack
from revc.runtime.bits.dist import Mixture
from tests.bits.tapes import reals

LANES, STEPS = 64, 12
SHAPE = (1, LANES * STEPS, 3)
SPREAD = torch.arange(3) - 1.0


def model(width: float, apart: float, family: str = "logistic") -> Mixture:
    """Three components ``apart``, of scales up from half of ``width``."""
    scale = (0.5 + torch.nn.functional.softplus(reals(SHAPE, 3) / 8)) * width
    loc = (reals(SHAPE, 4)[..., :1] / 4 + reals(SHAPE, 5) / 16 + SPREAD * apart) * width
    return Mixture(reals(SHAPE, 6) / 8, loc, scale, 1.0, family, bounded=True)


MODELS: dict[str, Callable[[], Mixture]] = {
    "steps apart": lambda: model(1.0, 1.0),
    "steps apart, wide": lambda: model(16.0, 1.0),
    "gaussian": lambda: model(4.0, 1.0, "gaussian"),
    "modes apart": lambda: model(1.0, 12.0),
    "modes far apart": lambda: model(1.0, 60.0),
}


class Counted:
    """A function of a module that counts its calls, in its place."""

    def __init__(self, module: ModuleType, name: str) -> None:
        self.call, self.calls = getattr(module, name), 0
        setattr(module, name, self)

    def __call__(self, *arguments: Any) -> Any:
        self.calls += 1
        return self.call(*arguments)


def main() -> None:
    from revc.runtime.bits.gpu import mixture, quantile

    counters = Counted(mixture, "bounds"), Counted(quantile, "cdf_at")
    found = {}
    for name, made in MODELS.items():
        stack, peer = (BitStack(1, LANES, 5, backend=b) for b in ("triton", "numba"))
        for counter in counters:
            counter.calls = 0
        assert torch.equal(stack.pop(made()), peer.pop(made()))
        assert stack.digest() == peer.digest()
        found[name] = [counter.calls / STEPS for counter in counters]
    print(json.dumps(found))


if __name__ == "__main__":
    main()
