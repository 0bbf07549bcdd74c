"""From a statement's parameters to what the entropy coder codes by."""

from copy import copy
from functools import lru_cache

import torch
from torch import Tensor

from revc.errors import InternalError
from revc.runtime.bits import BitStack
from revc.runtime.bits.dist import (
    Categorical,
    Distribution,
    Gaussian,
    Logistic,
    Mixture,
    Table,
    Uniform,
)
from revc.runtime.bits.dist.window import Window
from revc.runtime.metered.coding import Coding
from revc.runtime.metered.lengths import unpack

WHOLE = 1 << 16


def distribution(
    coding: Coding, params: Tensor | None, shape: torch.Size, device: torch.device,
    bounded: bool = False,
) -> Distribution:  # fmt: skip
    """Return the distribution of indices of `shape`; `params` may lack leading axes.

    A family without parameters has tables of its own, which are made on `device`. With `bounded` a
    window has no escape: what is drawn from it lies near its location, which is then kept well
    inside the lattice.

    Raises:
        InternalError: a family with parameters is given none.
    """
    match coding.family:
        case "uniform":
            return Uniform(coding.size, device)
        case "dropout":
            return _keep_table(coding.p, device)
        case "softmax":
            assert params is not None
            return Categorical(params.expand(*shape, params.shape[-1]))
    if params is None:
        raise InternalError(f"{coding.family} has no parameters")
    logits, loc, scale = unpack(coding.family, params, coding.step, coding.components)
    if bounded and coding.kind == "lattice":
        loc, scale = _inside(coding, loc, scale)
    if logits is None:
        made = Logistic if coding.family == "logistic" else Gaussian
        loc, scale = (t.expand(shape).contiguous() for t in (loc, scale))
        return made(loc, scale, coding.step, bounded=bounded)
    last = (*shape, coding.components)
    logits, loc, scale = (t.expand(last).contiguous() for t in (logits, loc, scale))
    return Mixture(logits, loc, scale, coding.step, bounded=bounded)


def valve_pair(
    coding: Coding, params: Tensor | None, shape: torch.Size, bounded: bool, stack: BitStack
) -> tuple[Distribution, Distribution]:
    """Return what a valve writes and draws by: one distribution, the written side with an escape.

    The parameters are snapped to the coder's grid once for both.
    """
    fresh = distribution(coding, params, shape, stack.device, bounded)
    if not bounded or not isinstance(fresh, Window | Mixture):
        return fresh, fresh
    fresh.grid = fresh.snapped(stack.token)
    old = copy(fresh)
    old.bounded = False
    return old, fresh


def _inside(coding: Coding, loc: Tensor, scale: Tensor) -> tuple[Tensor, Tensor]:
    """Return parameters whose windows, at most 12 scales to each side, the lattice holds."""
    limit = 2.0 ** (coding.width - 1 - coding.fraction)
    widest = max(limit / 32, coding.step / 2)
    return loc.clamp(-limit / 2, limit / 2), scale.clamp(max=widest)


@lru_cache(maxsize=64)  # or each exchange would copy a table to the device, and wait for checks
def _keep_table(p: float, device: torch.device) -> Table:
    """Labels 0 (drop) and 1 (keep); both keep a frequency of at least 1."""
    drop = min(max(round(p * WHOLE), 1), WHOLE - 1)
    return Table(torch.tensor([drop, WHOLE - drop], device=device))
