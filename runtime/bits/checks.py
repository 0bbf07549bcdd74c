"""Looks at the arguments of an operator before anything moves."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from revc.runtime.bits.cpu.mixture import all_inside
from revc.runtime.bits.engine import Engine
from revc.runtime.bits.errors import LaneError, ParameterError, SymbolError
from revc.runtime.bits.tables import window_tensors
from revc.runtime.bits.window import window_of

INTEGERS = (torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64)
INSIDE = "symbols have to be inside the windows of a bounded distribution"
KERNEL_DTYPES = (torch.uint8, torch.int32)


def check_same(engine: Engine, sequences: int, device: torch.device) -> None:
    """LaneError unless the stack has so many sequences and lives on ``device``."""
    state = engine.state
    if device != state.heads.device:
        raise LaneError(f"the stack is on {state.heads.device}, the data on {device}")
    if sequences != state.sequences:
        raise LaneError(f"the stack has {state.sequences} sequences, the data {sequences}")


def check_shape(engine: Engine, shape: Sequence[int], device: torch.device) -> None:
    """LaneError unless a tensor of this shape has a leading axis of the stack's sequences."""
    if len(shape) == 0:
        raise LaneError("symbols need a leading axis of sequences")
    check_same(engine, shape[0], device)


def flat(tensor: Tensor) -> Tensor:
    """[B, ...] as a contiguous [B, E]."""
    return tensor.reshape(tensor.shape[0], tensor.numel() // max(tensor.shape[0], 1)).contiguous()


def fits(symbols: Tensor, alphabet: int) -> bool:
    """Whether all that the dtype of symbols can say is in [0, alphabet)."""
    return symbols.dtype == torch.uint8 and alphabet >= 256


def check_range(engine: Engine, symbols: Tensor, alphabet: int) -> None:
    """SymbolError unless all symbols are integers in [0, alphabet)."""
    if symbols.dtype not in INTEGERS:
        raise SymbolError(f"symbols have an integer dtype, not {symbols.dtype}")
    if symbols.numel() == 0 or fits(symbols, alphabet):
        return
    low, high = torch.aminmax(symbols)
    message = f"symbols have to be in [0, {alphabet})"
    engine.faults.symbol((low < 0) | (high >= alphabet), message)


def as_symbols(
    engine: Engine, symbols: Tensor, alphabet: int | None, bases: Tensor | None = None
) -> Tensor:
    """Checked symbols as [B, E] in a dtype that kernels take.

    ``alphabet`` bounds them (already checked; clamped when faults wait), ``bases`` bounds each
    one, and without either they are any int32.
    """
    check_shape(engine, symbols.shape, symbols.device)
    if symbols.dtype not in INTEGERS:
        raise SymbolError(f"symbols have an integer dtype, not {symbols.dtype}")
    if alphabet is None and symbols.dtype == torch.int64 and symbols.numel():
        low, high = torch.aminmax(symbols)
        engine.faults.symbol((low < -(1 << 31)) | (high >= 1 << 31), "indices have to fit int32")
    out = flat(symbols)
    if bases is not None:
        if out.numel():
            bad = ((out < 0) | (out >= bases)).any()
            engine.faults.symbol(bad, "symbols have to be in [0, n), each below its own n")
        if engine.faults.check == "later":
            out = torch.minimum(out.clamp(min=0).long(), bases - 1)
    elif alphabet is not None and engine.faults.check == "later" and not fits(out, alphabet):
        out = out.clamp(0, min(alphabet - 1, torch.iinfo(out.dtype).max))
    if alphabet is None or out.dtype not in KERNEL_DTYPES:
        out = out.to(torch.int32)
    return out


def keep_between(
    engine: Engine, symbols: Tensor, low: Tensor, high: Tensor, message: str
) -> Tensor:
    """Symbols that all are integers in their own [low, high]: SymbolError, or clamped if later."""
    if symbols.dtype not in INTEGERS:
        raise SymbolError(f"symbols have an integer dtype, not {symbols.dtype}")
    bad = ((symbols < low) | (symbols > high)).any()
    engine.faults.symbol(bad, message)
    if engine.faults.check == "now":
        return symbols
    return torch.minimum(torch.maximum(symbols.long(), low), high).to(symbols.dtype)


def in_window(engine: Engine, symbols: Tensor, family: str, loc: Tensor, scale: Tensor) -> Tensor:
    """``keep_between`` the ends of windows by grid parameters [B, E, C]."""
    if engine.faults.check == "now" and symbols.device.type == "cpu":
        radius = window_tensors(family, symbols.device)[3]
        good = all_inside(*(t.numpy() for t in (symbols, loc, scale, radius)))
        engine.faults.symbol(torch.tensor(not good, device="cpu"), INSIDE)
        return symbols
    if engine.faults.check == "later" and symbols.device.type == "cuda":
        from revc.runtime.bits.gpu.grid import kept  # Triton is imported where there is a device

        inside, bad = kept(symbols, family, loc, scale)
        engine.faults.symbol(bad, INSIDE)
        return inside
    low, high = window_of(family, loc, scale).ends()
    return keep_between(engine, symbols, low, high, INSIDE)


def as_patterns(engine: Engine, symbols: Tensor) -> Tensor:
    """Patterns int16 [B, ...] as [B, E]."""
    check_shape(engine, symbols.shape, symbols.device)
    if symbols.dtype != torch.int16:
        raise SymbolError(f"patterns of 16 bits are int16, not {symbols.dtype}")
    return flat(symbols)


def as_lanes(
    engine: Engine, parameter: Tensor, shape: Sequence[int], dtype: torch.dtype, parts: int = 0
) -> Tensor:
    """A parameter of exactly ``shape`` as [B, E]; as [B, E, C] with C = ``parts`` components."""
    want = (*shape, parts) if parts else tuple(shape)
    if tuple(parameter.shape) != want or parameter.dtype != dtype:
        found = f"{parameter.dtype} {list(parameter.shape)}"
        raise ParameterError(f"parameters {found} do not fit symbols: want {dtype} {list(want)}")
    check_shape(engine, shape, parameter.device)
    rows = flat(parameter)
    return rows.reshape(rows.shape[0], rows.shape[1] // parts, parts) if parts else rows


def check_digits(engine: Engine, n: Tensor, shape: Sequence[int]) -> Tensor:
    """Bases of uniform digits as int64 [B, E] or [1, 1], each in [1, 2**16]."""
    if n.dtype != torch.int64:
        raise ParameterError(f"the n of a uniform digit is int64, not {n.dtype}")
    if n.device != engine.state.heads.device:
        raise LaneError(f"the stack is on {engine.state.heads.device}, n on {n.device}")
    if n.numel():
        low, high = torch.aminmax(n)
        bad = (low < 1) | (high > 1 << 16)
        engine.faults.parameter(bad, "the n of a uniform digit has to be in [1, 2**16]")
        if engine.faults.check == "later":
            n = n.clamp(1, 1 << 16)
    return n.reshape(1, 1) if n.numel() == 1 else as_lanes(engine, n, shape, torch.int64)


def new_symbols(engine: Engine, shape: Sequence[int], dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """An empty tensor for popped symbols, and the same memory as [B, E]."""
    device = engine.state.heads.device
    check_shape(engine, shape, device)
    if dtype not in (*KERNEL_DTYPES, torch.int16):
        raise SymbolError(f"symbols are popped as uint8 or int32, not {dtype}")
    out = torch.empty(tuple(shape), dtype=dtype, device=device)
    return out, flat(out)


def single_parameters(
    engine: Engine, shape: Sequence[int], loc: Tensor, scale: Tensor
) -> tuple[Tensor, Tensor]:
    """Parameters of one component per symbol: loc int64, scale uint8, [B, E]."""
    return (
        as_lanes(engine, loc, shape, torch.int64),
        as_lanes(engine, scale, shape, torch.uint8),
    )


def mixture_parameters(
    engine: Engine, shape: Sequence[int], weight: Tensor, loc: Tensor, scale: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Parameters of C components per symbol: weight int32, loc int64, scale uint8, [B, E, C]."""
    parts = loc.shape[-1] if loc.dim() else 0
    if parts < 1:
        raise ParameterError("a mixture has at least one component")
    return (
        as_lanes(engine, weight, shape, torch.int32, parts),
        as_lanes(engine, loc, shape, torch.int64, parts),
        as_lanes(engine, scale, shape, torch.uint8, parts),
    )
