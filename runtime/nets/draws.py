"""What random operators give when their numbers come from a key, and not from a generator.

Each takes a key, the number of the draw among those of its net, what the distribution needs, and
the form of the result: size, strides, dtype and device. Elements count in the order of the size,
whatever the strides. Words are the same on every device, and so is what compares or scales them;
logarithms and cosines are those of the device.
"""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from revc.runtime.bits import expand
from revc.runtime.nets import key_ops
from revc.runtime.shown import lies_by_rows

Key = expand.Key | Tensor
"""Numbers, or a tensor of them where a compiler traces: what is drawn has the same bits."""

_ONE = 1 << 32


class Form(NamedTuple):
    """What a result looks like; without strides it lies row by row."""

    size: tuple[int, ...]
    stride: tuple[int, ...] | None
    dtype: torch.dtype
    device: torch.device

    @property
    def elements(self) -> int:
        """Its elements."""
        return math.prod(self.size)


def form_of(value: Tensor) -> Form:
    """Return the form of a tensor."""
    stride = None if lies_by_rows(value) else tuple(value.stride())
    return Form(tuple(value.shape), stride, value.dtype, value.device)


def _words(key: Key, draw: int, count: int, device: torch.device) -> Tensor:
    if isinstance(key, Tensor):
        return key_ops.words(key, draw, count, device)
    return expand.words(key, draw, count, device)


def _below(key: Key, draw: int, bound: int, at: Form) -> Tensor:
    if isinstance(key, Tensor):
        return key_ops.below(key, draw, bound, at.elements, at.device, at.dtype)
    return expand.below(key, draw, bound, at.elements, at.device, at.dtype)


def _shaped(values: Tensor, form: Form) -> Tensor:
    """Return values in the form of a result."""
    values = values.view(form.size)
    if form.stride is None:
        return values.to(form.dtype)
    out = torch.empty_strided(form.size, form.stride, dtype=form.dtype, device=form.device)
    return out.copy_(values)


def _fraction(key: Key, draw: int, form: Form) -> Tensor:
    """Return uniform numbers in [0, 1), flat: multiples of 2**-24, or of 2**-32 in float64."""
    found = _words(key, draw, form.elements, form.device)
    if form.dtype == torch.float64:
        return found.to(torch.float64) / _ONE
    if form.dtype in (torch.float16, torch.bfloat16):
        kept = 11 if form.dtype == torch.float16 else 8
        return (found >> (32 - kept)).to(torch.float32) / (1 << kept)
    return (found >> 8).to(torch.float32) / (1 << 24)


def bernoulli(key: Key, draw: int, p: float, over: float, *form: Any) -> Tensor:
    """Return ones divided by `over` with probability `p`, to the last 2**-32, else zeros."""
    at = Form(*form)
    bound = min(_ONE, max(0, round(p * _ONE)))
    found = _shaped(_below(key, draw, bound, at), at)
    return found if over == 1 else found.div_(over)


def bernoulli_of(key: Key, draw: int, p: Tensor, *form: Any) -> Tensor:
    """Return ones with probabilities `p`, a tensor."""
    at = Form(*form)
    found = _words(key, draw, at.elements, at.device).view(at.size)
    return _shaped((found < (p.double() * _ONE)).flatten(), at)


def uniform(key: Key, draw: int, low: float, high: float, *form: Any) -> Tensor:
    """Return numbers in [low, high)."""
    at = Form(*form)
    return _shaped(_fraction(key, draw, at) * (high - low) + low, at)


def normal(key: Key, draw: int, mean: float, std: float, *form: Any) -> Tensor:
    """Return normal numbers (Box and Muller, 1958): two words each."""
    at = Form(*form)
    wide = torch.float64 if at.dtype == torch.float64 else torch.float32
    first, second = (_words(key, draw, 2 * at.elements, at.device).double() / _ONE).chunk(2)
    turn = 2 * math.acos(-1)  # a compiler may take `math.pi`, as a float of a module, for an input
    found = (-2 * torch.log1p(-first)).sqrt() * torch.cos(turn * second)
    return _shaped((found * std + mean).to(wide), at)


def exponential(key: Key, draw: int, rate: float, *form: Any) -> Tensor:
    """Return exponential numbers above 0."""
    at = Form(*form)
    found = (_words(key, draw, at.elements, at.device).double() + 0.5) / _ONE
    return _shaped(-torch.log(found) / rate, at)


def integers(key: Key, draw: int, low: int, high: int, *form: Any) -> Tensor:
    """Return integers in [low, high): of 64 bits, so that the ends are not felt."""
    at = Form(*form)
    upper, lower = _words(key, draw, 2 * at.elements, at.device).chunk(2)
    return _shaped(_remainder(upper, lower, high - low) + low, at)


def _remainder(upper: Tensor, lower: Tensor, size: int) -> Tensor:
    if size < 1 << 31:
        return ((upper % size << 32) + lower) % size
    return ((upper >> 1) << 32 | lower) % size


def permutation(key: Key, draw: int, *form: Any) -> Tensor:
    """Return the integers below the length of the result, in random order."""
    at = Form(*form)
    upper, lower = _words(key, draw, 2 * at.elements, at.device).chunk(2)
    return _shaped(torch.argsort((upper >> 1) << 32 | lower, stable=True), at)


def dropout(key: Key, draw: int, x: Tensor, p: float, train: bool | None) -> tuple[Tensor, Tensor]:
    """Return what `aten.native_dropout` does: x with elements dropped and scaled, and the mask."""
    if train is False or p == 0:
        return x.clone(), torch.ones_like(x, dtype=torch.bool)
    mask = bernoulli(key, draw, 1 - p, 1.0, *form_of(torch.empty_like(x, dtype=torch.bool)))
    scale = 0.0 if p == 1 else 1 / (1 - p)
    return x * mask * scale, mask


ALL: Sequence[Any] = (
    bernoulli, bernoulli_of, uniform, normal, exponential, integers, permutation, dropout,
)  # fmt: skip
