"""The coder as PyTorch custom operators, so that fx graphs and torch.compile carry it.

A stack is passed as its *token*, an int64 [2] CPU tensor (serial, operations so far). Every
operator counts the token up, and is declared to mutate it: that gives the calls on one stack a
total order in any graph and keeps them from being removed, merged or run twice, while the stack
itself stays free to grow. ``symbols`` are integers [B, ...] with B sequences; elements of a
sequence are coded in row-major order, and popped in the reverse of it.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.library import custom_op

from revc.runtime.bits.checks import (
    as_lanes,
    as_patterns,
    as_symbols,
    check_digits,
    check_range,
    check_same,
    check_shape,
    in_window,
    mixture_parameters,
    new_symbols,
    single_parameters,
)
from revc.runtime.bits.engine import engine_of
from revc.runtime.bits.exchange import exchange
from revc.runtime.bits.tables import guide_tensors, window_tensors
from revc.runtime.bits.window import REGULAR

NAMESPACE = "revc_bits"


@custom_op(f"{NAMESPACE}::push_table", mutates_args=("token",))
def push_table(token: Tensor, symbols: Tensor, start: Tensor, freq: Tensor, rcp: Tensor) -> None:
    """Push ``symbols`` by one table: start, freq int64 [K], rcp float64 [K]."""
    engine = engine_of(token)
    check_range(engine, symbols, start.numel())
    flat = as_symbols(engine, symbols, start.numel())
    engine.push("push_table", flat, 1, start, freq, rcp)
    token[1] += 1


@custom_op(f"{NAMESPACE}::pop_table", mutates_args=("token",))
def pop_table(
    token: Tensor,
    shape: Sequence[int],
    dtype: torch.dtype,
    start: Tensor,
    freq: Tensor,
    find: Tensor,
) -> Tensor:
    """Undo ``push_table``; ``find`` int32 [2**16] gives the symbol at each point."""
    engine = engine_of(token)
    out, flat = new_symbols(engine, shape, dtype)
    engine.pop("pop_table", flat, 1, start, freq, find)
    token[1] += 1
    return out


@custom_op(f"{NAMESPACE}::push_rows", mutates_args=("token",))
def push_rows(token: Tensor, symbols: Tensor, cdf: Tensor, row: Tensor) -> None:
    """Push ``symbols``, each by row ``row`` (int32, same shape) of ``cdf`` int32 [R, K + 1]."""
    engine = engine_of(token)
    check_range(engine, symbols, cdf.shape[1] - 1)
    flat = as_symbols(engine, symbols, cdf.shape[1] - 1)
    engine.push("push_rows", flat, 1, cdf, as_lanes(engine, row, symbols.shape, torch.int32))
    token[1] += 1


@custom_op(f"{NAMESPACE}::pop_rows", mutates_args=("token",))
def pop_rows(token: Tensor, shape: Sequence[int], cdf: Tensor, row: Tensor) -> Tensor:
    """Undo ``push_rows``; int32."""
    engine = engine_of(token)
    out, flat = new_symbols(engine, shape, torch.int32)
    engine.pop("pop_rows", flat, 1, cdf, as_lanes(engine, row, out.shape, torch.int32))
    token[1] += 1
    return out


@custom_op(f"{NAMESPACE}::push_uniform", mutates_args=("token",))
def push_uniform(token: Tensor, symbols: Tensor, n: Tensor) -> None:
    """Push ``symbols`` below ``n``: int64 of the same shape, or [1, 1]; in [1, 2**16]."""
    engine = engine_of(token)
    bases = check_digits(engine, n, symbols.shape)
    flat = as_symbols(engine, symbols, 1 << 16, bases)
    engine.push("push_uniform", flat, 1, bases)
    token[1] += 1


@custom_op(f"{NAMESPACE}::pop_uniform", mutates_args=("token",))
def pop_uniform(token: Tensor, shape: Sequence[int], n: Tensor) -> Tensor:
    """Undo ``push_uniform``; int32."""
    engine = engine_of(token)
    out, flat = new_symbols(engine, shape, torch.int32)
    engine.pop("pop_uniform", flat, 1, check_digits(engine, n, out.shape))
    token[1] += 1
    return out


@custom_op(f"{NAMESPACE}::push_single", mutates_args=("token",))
def push_single(
    token: Tensor, symbols: Tensor, loc: Tensor, scale: Tensor, family: str, bounded: bool = False
) -> None:
    """Push int32 indices, each by its own (loc int64 in 2**-8, scale uint8) of ``family``."""
    engine = engine_of(token)
    flat = as_symbols(engine, symbols, None)
    arguments = single_parameters(engine, symbols.shape, loc, scale)
    if bounded:
        flat = in_window(engine, flat, family, *(t[..., None] for t in arguments))
    tables = window_tensors(family, flat.device)[:5]
    engine.push("push_single", flat, 3, *arguments, REGULAR[bounded], *tables)
    token[1] += 1


@custom_op(f"{NAMESPACE}::pop_single", mutates_args=("token",))
def pop_single(
    token: Tensor, shape: Sequence[int], loc: Tensor, scale: Tensor, family: str,
    bounded: bool = False,
) -> Tensor:  # fmt: skip
    """Undo ``push_single``; int32."""
    engine = engine_of(token)
    out, flat = new_symbols(engine, shape, torch.int32)
    arguments = single_parameters(engine, out.shape, loc, scale)
    tables = window_tensors(family, flat.device)
    engine.pop("pop_single", flat, 3, *arguments, REGULAR[bounded], *tables)
    token[1] += 1
    return out


@custom_op(f"{NAMESPACE}::push_mixture", mutates_args=("token",))
def push_mixture(
    token: Tensor, symbols: Tensor, weight: Tensor, loc: Tensor, scale: Tensor, family: str,
    bounded: bool = False,
) -> None:  # fmt: skip
    """Push int32 indices by mixtures: weight int32, loc int64, scale uint8, all [..., C]."""
    engine = engine_of(token)
    flat = as_symbols(engine, symbols, None)
    arguments = mixture_parameters(engine, symbols.shape, weight, loc, scale)
    if bounded:
        flat = in_window(engine, flat, family, *arguments[1:])
    tables = window_tensors(family, flat.device)[:4]
    engine.push("push_mixture", flat, 3, *arguments, REGULAR[bounded], *tables)
    token[1] += 1


@custom_op(f"{NAMESPACE}::pop_mixture", mutates_args=("token",))
def pop_mixture(
    token: Tensor, shape: Sequence[int], weight: Tensor, loc: Tensor, scale: Tensor, family: str,
    bounded: bool = False,
) -> Tensor:  # fmt: skip
    """Undo ``push_mixture``; int32."""
    engine = engine_of(token)
    out, flat = new_symbols(engine, shape, torch.int32)
    arguments = mixture_parameters(engine, out.shape, weight, loc, scale)
    tables = (*window_tensors(family, flat.device)[:4], *guide_tensors(family, flat.device))
    engine.pop("pop_mixture", flat, 3, *arguments, REGULAR[bounded], *tables)
    token[1] += 1
    return out


@custom_op(f"{NAMESPACE}::push_floats", mutates_args=("token",))
def push_floats(
    token: Tensor, symbols: Tensor, start: Tensor, freq: Tensor, rcp: Tensor, widths: Sequence[int]
) -> None:
    """Push patterns of 16 bits as int16; ``widths`` are those of exponent and mantissa."""
    engine = engine_of(token)
    patterns = as_patterns(engine, symbols)
    engine.push("push_floats", patterns, 2, start, freq, rcp, widths[0], widths[1])
    token[1] += 1


@custom_op(f"{NAMESPACE}::pop_floats", mutates_args=("token",))
def pop_floats(
    token: Tensor, shape: Sequence[int], start: Tensor, freq: Tensor, find: Tensor,
    widths: Sequence[int],
) -> Tensor:  # fmt: skip
    """Undo ``push_floats``; int16."""
    engine = engine_of(token)
    out, flat = new_symbols(engine, shape, torch.int16)
    engine.pop("pop_floats", flat, 2, start, freq, find, widths[0], widths[1])
    token[1] += 1
    return out


@custom_op(f"{NAMESPACE}::scale", mutates_args=("token",))
def scale(token: Tensor, x: Tensor, n: Tensor, k: int) -> Tensor:
    """x * n / 2**k for int32 ``x``, exactly; n int64 of the same shape or [1, 1]."""
    y = exchange(engine_of(token), "scale", x, n, k)
    token[1] += 1
    return y


@custom_op(f"{NAMESPACE}::unscale", mutates_args=("token",))
def unscale(token: Tensor, y: Tensor, n: Tensor, k: int) -> Tensor:
    """Undo ``scale``."""
    x = exchange(engine_of(token), "unscale", y, n, k)
    token[1] += 1
    return x


@custom_op(f"{NAMESPACE}::size", mutates_args=("token",))
def size(token: Tensor, sequences: int, device: torch.device) -> Tensor:
    """Size of every sequence, int64 [sequences] on the stack's device, in 2**-20 bit."""
    engine = engine_of(token)
    check_same(engine, sequences, device)
    token[1] += 1
    return engine.sizes()


@custom_op(f"{NAMESPACE}::after", mutates_args=("token",))
def after(token: Tensor, value: Tensor) -> None:
    """Let what follows on this stack wait for ``value``; see ``BitStack.after``."""
    token[1] += 1


@custom_op(f"{NAMESPACE}::inside", mutates_args=())
def inside(token: Tensor, symbols: Tensor, alphabet: int) -> Tensor:
    """``symbols`` as int64, if they are integers in [0, alphabet); else SymbolError."""
    engine = engine_of(token)
    check_shape(engine, symbols.shape, symbols.device)
    check_range(engine, symbols, alphabet)
    return symbols.to(torch.int64, copy=True).clamp(0, alphabet - 1)


def _no_result(*_: object) -> None:
    return None


for silent in (push_table, push_rows, push_uniform, push_single, push_mixture, push_floats, after):
    silent.register_fake(_no_result)


@pop_table.register_fake
def _(token: Tensor, shape: Sequence[int], dtype: torch.dtype, start: Tensor, *_: Tensor) -> Tensor:
    return start.new_empty(tuple(shape), dtype=dtype)


@pop_rows.register_fake
def _(token: Tensor, shape: Sequence[int], cdf: Tensor, row: Tensor) -> Tensor:
    return cdf.new_empty(tuple(shape), dtype=torch.int32)


@pop_uniform.register_fake
def _(token: Tensor, shape: Sequence[int], n: Tensor) -> Tensor:
    return n.new_empty(tuple(shape), dtype=torch.int32)


@pop_single.register_fake
def _(
    token: Tensor, shape: Sequence[int], loc: Tensor, scale: Tensor, family: str,
    bounded: bool = False,
) -> Tensor:  # fmt: skip
    return loc.new_empty(tuple(shape), dtype=torch.int32)


@pop_mixture.register_fake
def _(
    token: Tensor, shape: Sequence[int], weight: Tensor, loc: Tensor, scale: Tensor, family: str,
    bounded: bool = False,
) -> Tensor:  # fmt: skip
    return loc.new_empty(tuple(shape), dtype=torch.int32)


@pop_floats.register_fake
def _(
    token: Tensor, shape: Sequence[int], start: Tensor, freq: Tensor, find: Tensor,
    widths: Sequence[int],
) -> Tensor:  # fmt: skip
    return start.new_empty(tuple(shape), dtype=torch.int16)


@scale.register_fake
@unscale.register_fake
def _(token: Tensor, x: Tensor, n: Tensor, k: int) -> Tensor:
    return x.new_empty(x.shape)


@size.register_fake
def _(token: Tensor, sequences: int, device: torch.device) -> Tensor:
    return torch.empty(sequences, dtype=torch.int64, device=device)


@inside.register_fake
def _(token: Tensor, symbols: Tensor, alphabet: int) -> Tensor:
    return symbols.new_empty(symbols.shape, dtype=torch.int64)
