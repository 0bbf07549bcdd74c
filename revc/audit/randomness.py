"""Diagnostic 4, the reservoir count: drawn bits beside meters, and randomness from elsewhere."""

import random
from typing import Any

import numpy as np
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from revc.audit.cycle import _leaves, _loss
from revc.audit.finding import Finding
from revc.audit.subject import Subject

NAME = "reservoir count"
_RANDOM = ("rand", "bernoulli", "normal_", "uniform_", "dropout", "multinomial", "exponential_",
           "geometric_", "cauchy_", "log_normal_", "random_", "poisson")  # fmt: skip


class _Watch(TorchDispatchMode):
    """Notes every operator that draws from a global generator."""

    def __init__(self) -> None:
        super().__init__()
        self.found: dict[str, int] = {}

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        name = func.overloadpacket.__name__
        if any(name.startswith(one) or name == one for one in _RANDOM):
            self.found[str(func)] = self.found.get(str(func), 0) + 1
        return func(*args, **(kwargs or {}))


def _states() -> dict[str, Any]:
    return {
        "torch's generator": torch.get_rng_state().numpy().tobytes(),
        "Python's random": random.getstate(),
        "numpy's random": str(np.random.get_state()),
    }


def check(subject: Subject) -> Finding:
    """Return how many bits were drawn past the meters, and name what else drew random numbers."""
    before = _states()
    with _Watch() as watch:
        watched = subject.run()
        loss = _loss(watched.out)
        if loss is not None:
            torch.autograd.grad(loss, _leaves(subject), allow_unused=True)
    after = _states()
    used = [name for name, state in before.items() if state != after[name]]
    told = [f"{name} x {count}" for name, count in watch.found.items()] + [
        f"{name} was advanced" for name in used
    ]
    off, drawn = 0, 0.0
    if watched.session is not None:
        session = watched.session
        gone = sum(
            watched.first[n] - s.size()
            for n, s in session.stacks.items()
            if session.kinds[n] == "reservoir"
        )
        off = int((session.books.drawn.total() - gone).abs().max())
        drawn = float(session.books.bits("drawn").sum())
    met = off == 0 and not told
    detail = "; ".join(told) or f"{drawn:.3f} bits drawn, no other randomness"
    return Finding(NAME, off + len(told), "unmetered draws", "= 0", met, detail)
