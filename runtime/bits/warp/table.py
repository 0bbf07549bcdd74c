"""Tables of 12 bits for streams interleaved by warp: frequencies, and what kernels look up.

A table gives each of 256 symbols a frequency from 0 to 4095; they sum to 4096. Division by a
frequency is a multiplication by a rounded reciprocal (F. Giesen, ryg_rans; T. Granlund and P.
Montgomery, "Division by invariant integers using multiplication", PLDI 1994).
"""

from __future__ import annotations

import heapq

import torch
from torch import Tensor

from revc.runtime.bits.errors import ParameterError

SCALE_BITS = 12
SCALE = 1 << SCALE_BITS
ALPHABET = 256
LOW = 15
"""Heads lie in [2**LOW, 2**(LOW + 16))."""
LANES = 32
"""Lanes of a stream: those of a warp."""
GROUP = 4
"""Neighbours that a lane codes one after the other."""
ORDER = {False: (0, 1, 2, 3), True: (0, 2, 1, 3)}
"""The turns of a group's members, by whether they are 16-bit floats, two to a word."""
GUARD = LANES * GROUP
"""Unused words below each stream's: a kernel looks once a group whether words have run out."""


class WarpTable:
    """Frequencies of 256 symbols, and the tables of both directions on ``device``.

    Args:
        frequencies: int [256], each in [0, 4095], of sum 4096. A symbol of frequency 0 has no code.
        device: where the tables shall live.

    Raises:
        ParameterError: the frequencies are no such table.
    """

    def __init__(self, frequencies: Tensor, device: torch.device | str = "cpu") -> None:
        if tuple(frequencies.shape) != (ALPHABET,) or frequencies.is_floating_point():
            raise ParameterError("frequencies are integers [256]")
        freq = frequencies.detach().cpu().long()
        if int(freq.min()) < 0 or int(freq.max()) >= SCALE or int(freq.sum()) != SCALE:
            raise ParameterError(f"frequencies are in [0, {SCALE - 1}] and sum to {SCALE}")
        self.freq = freq
        self.start = freq.cumsum(0) - freq
        self.codes = push_entries(freq, self.start).to(device)
        self.points = pop_entries(freq, self.start).to(device)

    def to(self, device: torch.device) -> WarpTable:
        """The same table on another device."""
        return self if self.codes.device == device else WarpTable(self.freq, device)

    @classmethod
    def from_counts(cls, counts: Tensor, device: torch.device | str = "cpu") -> WarpTable:
        """The table that codes int ``counts`` [256] in the fewest bits; 0 gives no code.

        Raises:
            ParameterError: the counts are negative or floats, or sum to 0, or to 2**40 or more.
        """
        return cls(torch.tensor(shortest(counts), device="cpu"), device)


def shortest(counts: Tensor) -> list[int]:
    """Frequencies that sum to 4096 for counts [256], at least 1 where a count is not 0.

    Rounding leaves a sum that is a little off; each step then moves the frequency whose symbol
    loses the least, by (2 f -+ 1) / count, compared exactly. Where one symbol is all there is, the
    next one takes a point of it: a frequency of 4096 would not fit its field.
    """
    if tuple(counts.shape) != (ALPHABET,) or counts.is_floating_point():
        raise ParameterError("counts are integers [256]")
    given = [int(c) for c in counts.tolist()]
    total = sum(given)
    if min(given) < 0 or not 0 < total < 1 << 40:
        raise ParameterError("counts are at least 0, and sum to 1 .. 2**40 - 1")
    freq = [max(1, (2 * c * SCALE + total) // (2 * total)) if c else 0 for c in given]
    adjust(freq, given)
    if SCALE in freq:
        alone = freq.index(SCALE)
        freq[alone], freq[(alone + 1) % ALPHABET] = SCALE - 1, 1
    return freq


def adjust(freq: list[int], counts: list[int]) -> None:
    """Move ``freq`` to the sum 4096, a point at a time, in place."""
    off = SCALE - sum(freq)
    step = 1 if off > 0 else -1
    unit = 1 << 56

    def key(s: int) -> int:
        edge = (2 * freq[s] + step) * unit // counts[s]
        return edge if step > 0 else -edge

    heap = [(key(s), s) for s in range(ALPHABET) if counts[s] and (step > 0 or freq[s] > 1)]
    heapq.heapify(heap)
    for _ in range(abs(off)):
        _, s = heapq.heappop(heap)
        freq[s] += step
        if step > 0 or freq[s] > 1:
            heapq.heappush(heap, (key(s), s))


def reciprocal(freq: int) -> tuple[int, int]:
    """(magic, shift): x // freq is x * magic >> 32 + shift for every x below freq * 2**19.

    For freq = 1 it is x - 1, which the bias of the entry makes good. The excess of the magic
    number is e = magic * freq - 2**(32 + shift) < freq <= 2**(shift + 1), and x * e stays below
    2**(32 + shift), so that the quotient never reaches the next integer.
    """
    if freq <= 1:
        return 0xFFFFFFFF, 0
    shift = (freq - 1).bit_length() - 1
    return -(-(1 << (32 + shift)) // freq), shift


def push_entries(freq: Tensor, start: Tensor) -> Tensor:
    """int32 [256, 2]: the magic number; shift | bias << 5 | no code << 18 | 4096 - freq << 20."""
    rows = []
    for f, c in zip(freq.tolist(), start.tolist(), strict=True):
        magic, shift = reciprocal(f)
        bias = c + (SCALE - 1 if f == 1 else 0)
        rows.append((magic, shift | bias << 5 | (f == 0) << 18 | (SCALE - f) % SCALE << 20))
    return signed(torch.tensor(rows, device="cpu"))


def pop_entries(freq: Tensor, start: Tensor) -> Tensor:
    """int32 [4096]: symbol | offset in its interval << 8 | freq << 20, for every point."""
    symbol = torch.repeat_interleave(torch.arange(ALPHABET, device="cpu"), freq, output_size=SCALE)
    offset = torch.arange(SCALE, device="cpu") - start[symbol]
    return signed(symbol | offset << 8 | freq[symbol] << 20)


def signed(values: Tensor) -> Tensor:
    """The 32-bit patterns of int64 values as int32."""
    return torch.where(values >= 1 << 31, values - (1 << 32), values).to(torch.int32)
