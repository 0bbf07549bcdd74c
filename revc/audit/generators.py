"""The generators of random numbers that code may draw from without being given one."""

import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import torch


def states() -> list[bytes]:
    """Return the states of the generators that code may draw from without being given one."""
    states = [torch.get_rng_state().numpy().tobytes(), repr(random.getstate()).encode()]
    numpy = sys.modules.get("numpy")
    return states + ([repr(numpy.random.get_state()).encode()] if numpy is not None else [])


def seed_others(seed: int) -> None:
    """Seed Python and numpy, and torch always alike: what it draws, a net gets again."""
    torch.manual_seed(0)
    random.seed(seed)
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        numpy.random.seed(seed)


@contextmanager
def generators_kept() -> Iterator[None]:
    """Put the generators back as they were."""
    torch_state, python_state = torch.get_rng_state(), random.getstate()
    numpy = sys.modules.get("numpy")
    numpy_state = numpy.random.get_state() if numpy is not None else None
    try:
        yield
    finally:
        torch.set_rng_state(torch_state)
        random.setstate(python_state)
        if numpy is not None:
            numpy.random.set_state(numpy_state)
