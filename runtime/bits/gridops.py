"""From float parameters to the integer grid, as operators that a compiler does not look into.

The integers decide the tape, so the few float operations before them must not be fused or
reordered in one graph and not in another. With a token, values that are not finite (or scales
that are not positive) are reported to its stack; without one they are taken as they come.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.library import custom_op

from revc.runtime.bits import entropy, integer, log2, snap, window
from revc.runtime.bits.constants import LENGTH_BITS
from revc.runtime.bits.cpu.snap import snap as fast_snap
from revc.runtime.bits.engine import engine_of

NAMESPACE = "revc_bits"
FAST = (torch.float32, torch.float64)
FINITE = "{}: every value has to be finite"


def exact(token: Tensor | None, values: Tensor, above: float, name: str) -> Tensor:
    """``values`` as float64 and without NaN, after a report of what is not finite or too small."""
    wide = values.double()
    if token is not None:
        bad = ~(torch.isfinite(wide) & (wide > above)).all()
        wanted = "" if above == -math.inf else f" and above {above:g}"
        engine_of(token).faults.parameter(bad, FINITE.format(name) + wanted)
    return torch.nan_to_num(wide, nan=1.0)


@custom_op(f"{NAMESPACE}::snap_window", mutates_args=())
def snap_window(
    token: Tensor | None, loc: Tensor, scale: Tensor, step: float
) -> tuple[Tensor, Tensor]:
    """Grid parameters (loc int64, scale uint8) of float ones of one shape."""
    if loc.device.type == "cpu" and loc.dtype == scale.dtype and loc.dtype in FAST:
        return snap_on_cpu(token, loc, scale, step)
    if loc.device.type == "cuda":
        return snap_on_cuda(token, loc, scale, step)
    where = exact(token, loc, -math.inf, "loc")
    width = exact(token, scale, 0.0, "scale")
    return snap.snap_loc(where, step), snap.snap_scale(width, step)


def snap_on_cpu(
    token: Tensor | None, loc: Tensor, scale: Tensor, step: float
) -> tuple[Tensor, Tensor]:
    """The same in one pass of numba."""
    where, width = loc.contiguous(), scale.contiguous()
    out_loc = torch.empty(loc.shape, dtype=torch.int64, device="cpu")
    out_scale = torch.empty(scale.shape, dtype=torch.uint8, device="cpu")
    flat = [t.reshape(-1).numpy() for t in (where, width, out_loc, out_scale)]
    good_loc, good_scale = fast_snap(flat[0], flat[1], 256.0 / step, step, flat[2], flat[3])
    if token is not None:
        faults = engine_of(token).faults
        faults.parameter(torch.tensor(not good_loc, device="cpu"), FINITE.format("loc"))
        faults.parameter(
            torch.tensor(not good_scale, device="cpu"), FINITE.format("scale") + " and above 0"
        )
    return out_loc, out_scale


def snap_on_cuda(
    token: Tensor | None, loc: Tensor, scale: Tensor, step: float
) -> tuple[Tensor, Tensor]:
    """The same in one kernel."""
    from revc.runtime.bits.gpu.grid import snapped  # Triton is imported where there is a device

    out_loc, out_scale, bad = snapped(loc, scale, step)
    if token is not None:
        faults = engine_of(token).faults
        faults.parameter(bad[0], FINITE.format("loc"))
        faults.parameter(bad[1], FINITE.format("scale") + " and above 0")
    return out_loc, out_scale


@custom_op(f"{NAMESPACE}::softmax_weights", mutates_args=())
def softmax_weights(token: Tensor | None, logits: Tensor) -> Tensor:
    """Integer weights int64 [..., K] of logits; see ``integer.exponentials``."""
    return integer.exponentials(exact(token, logits, -math.inf, "logits"))


@custom_op(f"{NAMESPACE}::mixture_weights", mutates_args=())
def mixture_weights(token: Tensor | None, logits: Tensor) -> Tensor:
    """Weights int32 [..., C] that sum to 2**16."""
    return integer.mixture_weights(exact(token, logits, -math.inf, "logits"))


@custom_op(f"{NAMESPACE}::window_length", mutates_args=())
def window_length(
    family: str, symbols: Tensor, weight: Tensor, loc: Tensor, scale: Tensor, bounded: bool = False
) -> Tensor:
    """Length int64 of symbols [...] in 2**-32 bit under grid parameters [..., C]."""
    if symbols.device.type == "cuda":
        from revc.runtime.bits.gpu.length import window_lengths  # Triton is imported there alone

        regular = window.REGULAR[bounded]
        return window_lengths(family, symbols, weight, loc, scale, regular, bounded)
    return window.interval(family, symbols, weight, loc, scale, bounded).length()


@custom_op(f"{NAMESPACE}::window_ends", mutates_args=())
def window_ends(family: str, loc: Tensor, scale: Tensor) -> tuple[Tensor, Tensor]:
    """Least and largest index int64 [...] in the windows of grid parameters [..., C]."""
    low, high = window.window_of(family, loc, scale).ends()
    return low.clone(), high


@custom_op(f"{NAMESPACE}::single_entropy", mutates_args=())
def single_entropy(family: str, loc: Tensor, scale: Tensor) -> Tensor:
    """Entropy int64 [...] in 2**-32 bit of bounded windows by grid parameters [...]."""
    place = window.inner(family, loc, scale) & 255
    return entropy.single_entropies(family, loc.device)[scale.long(), place]


@custom_op(f"{NAMESPACE}::mixture_entropy", mutates_args=())
def mixture_entropy(family: str, weight: Tensor, loc: Tensor, scale: Tensor) -> Tensor:
    """Entropy int64 [...] in 2**-32 bit of bounded windows by grid parameters [..., C]."""
    fine = window.window_of(family, loc, scale).fine
    return entropy.window_entropy(family, weight, loc, scale) + (fine << LENGTH_BITS)


@custom_op(f"{NAMESPACE}::log2_units", mutates_args=())
def log2_units(value: Tensor) -> Tensor:
    """log2 of int64 values in [1, 2**48), int64 in 2**-32 bit; see ``log2``."""
    return log2.log2_units(value)


@snap_window.register_fake
def _(token: Tensor | None, loc: Tensor, scale: Tensor, step: float) -> tuple[Tensor, Tensor]:
    return torch.empty_like(loc, dtype=torch.int64), torch.empty_like(scale, dtype=torch.uint8)


@softmax_weights.register_fake
def _(token: Tensor | None, logits: Tensor) -> Tensor:
    return torch.empty_like(logits, dtype=torch.int64)


@mixture_weights.register_fake
def _(token: Tensor | None, logits: Tensor) -> Tensor:
    return torch.empty_like(logits, dtype=torch.int32)


@window_length.register_fake
def _(
    family: str, symbols: Tensor, weight: Tensor, loc: Tensor, scale: Tensor, bounded: bool = False
) -> Tensor:
    return symbols.new_empty(symbols.shape, dtype=torch.int64)


@window_ends.register_fake
def _(family: str, loc: Tensor, scale: Tensor) -> tuple[Tensor, Tensor]:
    return loc.new_empty(loc.shape[:-1]), loc.new_empty(loc.shape[:-1])


@single_entropy.register_fake
def _(family: str, loc: Tensor, scale: Tensor) -> Tensor:
    return loc.new_empty(loc.shape)


@mixture_entropy.register_fake
def _(family: str, weight: Tensor, loc: Tensor, scale: Tensor) -> Tensor:
    return loc.new_empty(loc.shape[:-1])


@log2_units.register_fake
def _(value: Tensor) -> Tensor:
    return torch.empty_like(value)
