"""What constriction, an independent entropy coder, takes for symbols under our integer models.

Each symbol becomes a row of integer frequencies and a place in it, and uniform digits beside it.
Escapes are a symbol of their own, with the last point of their window.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from revc.audit.watch import Exchange
from revc.runtime.bits.dist import Categorical, Mixture, Table, Uniform
from revc.runtime.bits.dist.categorical import radix
from revc.runtime.bits.dist.uniform import WideUniform
from revc.runtime.bits.dist.window import Window
from revc.runtime.bits.wideops import lower_base, split_base
from revc.runtime.bits.window import boundaries, interval, window_of

ENOUGH = 4000
"""Symbols to code at least, again and again: the coder's length is known to a bit or so."""


@dataclass(frozen=True)
class Rows:
    """Symbols by their frequencies, [N, K] or one [1, K] for all; `widths` [N] of K are used."""

    freq: Tensor
    place: Tensor
    widths: Tensor


@dataclass(frozen=True)
class Digits:
    """Uniform digits below their bases, int64 [N]."""

    value: Tensor
    base: Tensor


Part = Rows | Digits


def parts(exchange: Exchange, sequences: int) -> list[Part] | None:
    """Return how the first sequences' symbols are coded; None for a model not known here."""
    by, symbols = exchange.distribution, exchange.symbols[:sequences]
    if type(by) is Table:
        width = torch.full((symbols.numel(),), len(by.freq), device=symbols.device)
        return [Rows(by.freq[None], symbols.flatten().long(), width)]
    if type(by) in (Uniform, WideUniform):
        return _uniform(by.n, symbols, sequences)  # type: ignore[attr-defined]
    if type(by) is Categorical:
        return _categorical(by, symbols)
    if isinstance(by, Window | Mixture) and type(by).__module__ == Window.__module__:
        return _window(by, symbols, sequences)
    return None


def _uniform(n: Any, symbols: Tensor, sequences: int) -> list[Part]:
    value = symbols.flatten().long()
    if not isinstance(n, Tensor):
        base = torch.full_like(value, n)
    else:
        base = (n if n.shape[0] == 1 else n[:sequences]).expand(symbols.shape).flatten().long()
    raw, upper = split_base(base)
    high = value >> raw
    return [Digits(value - (high << raw), lower_base(base, raw, high)), Digits(high, upper)]


def _categorical(by: Categorical, symbols: Tensor) -> list[Part]:
    weights = by.integers(None)[: symbols.numel()]
    digits, found = by.split(symbols), list[Part]()
    for level in range(len(radix(by.logits.shape[-1]))):
        freq = torch.diff(by.tables(weights, digits[:level]))
        found.append(Rows(freq, digits[level], (freq > 0).sum(-1)))
    return found


def _window(by: Window | Mixture, symbols: Tensor, sequences: int) -> list[Part]:
    weight, loc, scale = (t[:sequences].flatten(0, -2) for t in grid_of(by))
    value = symbols.flatten()
    window = window_of(by.family, loc, scale)
    freq = torch.diff(boundaries(by.family, weight, loc, scale, by.bounded))
    index = (value.long() >> window.fine) - window.origin
    escaped = (index < 0) | (index >= window.size)
    row = torch.arange(len(value), device=value.device)
    freq = torch.nn.functional.pad(freq, (0, 1))
    if not by.bounded:
        freq[row, window.size] = 1
    at = interval(by.family, value, weight, loc, scale, by.bounded)
    rows = Rows(freq, torch.where(escaped, window.size, index), window.size + (not by.bounded))
    return [Digits(*at.lower), Digits(*at.upper), rows]


def grid_of(by: Window | Mixture) -> tuple[Tensor, Tensor, Tensor]:
    """Return weight, location and scale on the coder's grid, [.., components]."""
    if isinstance(by, Mixture):
        return by.snapped(None)
    loc, scale = by.snapped(None)
    weight = torch.full(loc.shape, 1 << 16, dtype=torch.int32, device=loc.device)
    return weight[..., None], loc[..., None], scale[..., None]


def coded(found: Sequence[Part]) -> float:
    """Return the bits that constriction takes for all parts."""
    import constriction

    # What is there before is not counted: an empty coder has a first word of its own.
    start = np.random.default_rng(0).integers(1, 1 << 32, 4, dtype=np.uint32)
    coder = constriction.stream.stack.AnsCoder(start)
    before, once = coder.num_valid_bits(), [*_calls(found, constriction.stream.model)]
    again = -(-ENOUGH // max(1, sum(len(call[0]) for call in once)))
    for _ in range(again):
        for symbols, *model in once:
            coder.encode_reverse(symbols, *model)
    return float(coder.num_valid_bits() - before) / again


def _calls(found: Sequence[Part], models: Any) -> Iterator[tuple[Any, ...]]:
    """Yield the arguments of each call of the coder; constriction wants rows of one width."""
    for part in found:
        if isinstance(part, Digits):
            for base in part.base.unique().tolist():
                if base > 1:
                    yield _int32(part.value[part.base == base]), _level(base, models)
        elif len(part.freq) == 1:
            row = models.Categorical(_shares(part.freq[0]), perfect=True)
            yield _int32(part.place), row
        else:
            for width in part.widths.unique().tolist():
                here = part.widths == width
                if width > 1:
                    shares = _shares(part.freq[here][:, :width])
                    yield _int32(part.place[here]), models.Categorical(perfect=True), shares


def _level(base: int, models: Any) -> Any:
    """Return a uniform model.

    constriction's own gives all that rounding leaves to its last symbol: 7 bits too few for a base
    just below 2**16, and the lower digit of an escape often is that symbol.
    """
    if base & (base - 1) == 0:
        return models.Uniform(base)
    return models.Categorical(np.full(base, 1 / base), perfect=False)


def _int32(values: Tensor) -> np.ndarray:
    return values.cpu().numpy().astype(np.int32)


def _shares(freq: Tensor) -> np.ndarray:
    return (freq.double() / 65536).contiguous().cpu().numpy()
