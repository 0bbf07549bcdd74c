"""The algorithm, stated in plain Python: one lane, one symbol at a time.

This file is documentation that runs. The numba and Triton back ends must leave the same words,
heads and debts; the tests compare hashes. A symbol is an interval ``[start, start + freq)`` of
``[0, 2**16)``; a head lives in ``[2**low, 2**(low + 16))``.

Sources: J. Duda, "Asymmetric numeral systems", arXiv:1311.2540 (the coder); F. Giesen,
"Interleaved entropy coders", arXiv:1402.3392 (lanes); J. K. Salmon et al., "Parallel random
numbers: as easy as 1, 2, 3", SC 2011 (Philox-4x32-10, the floor).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

M32 = 0xFFFFFFFF


def philox(counter: tuple[int, int, int, int], key: tuple[int, int]) -> tuple[int, int, int, int]:
    """Philox-4x32-10: four 32-bit random words for a 128-bit counter and a 64-bit key."""
    (a, b, c, d), (k0, k1) = counter, key
    for _ in range(10):
        p, q = 0xD2511F53 * a, 0xCD9E8D57 * c
        a, b, c, d = (q >> 32) ^ b ^ k0, q & M32, (p >> 32) ^ d ^ k1, p & M32
        k0, k1 = (k0 + 0x9E3779B9) & M32, (k1 + 0xBB67AE85) & M32
    return a, b, c, d


def floor_word(seed: int, lane: int, i: int, stream: int = 0) -> int:
    """Word ``i`` below the floor of ``lane``; stream 0 holds words, stream 1 the first head."""
    counter = ((i >> 3) & M32, i >> 35, lane, stream)
    out = philox(counter, (seed & M32, seed >> 32))
    return out[(i >> 1) & 3] >> 16 * (i & 1) & 0xFFFF


@dataclass
class Lane:
    """One lane: a head, the words above the floor, and how far below the floor it has drawn."""

    seed: int
    lane: int
    low: int = 32
    head: int = 0
    words: list[int] = field(default_factory=list)
    debt: int = 0

    def __post_init__(self) -> None:
        for i in range(self.low // 16):  # a head that no one can predict without the seed
            self.head |= floor_word(self.seed, self.lane, i, 1) << 16 * i
        self.head |= 1 << self.low

    def emit(self) -> None:
        """Move the low word of the head to the stack, or pay one word of debt with it."""
        word, self.head = self.head & 0xFFFF, self.head >> 16
        if not self.words and self.debt and word == floor_word(self.seed, self.lane, self.debt - 1):
            self.debt -= 1
        else:
            self.words.append(word)

    def fetch(self) -> None:
        """Take a word from the stack, or from below its floor at the price of one more debt."""
        if self.words:
            word = self.words.pop()
        else:
            word, self.debt = floor_word(self.seed, self.lane, self.debt), self.debt + 1
        self.head = self.head << 16 | word

    def push(self, start: int, freq: int) -> None:
        """Code an interval of a table whose frequencies sum to 2**16."""
        if self.head >= freq << self.low:
            self.emit()
        self.head = (self.head // freq << 16) + self.head % freq + start

    def pop(self, find: Callable[[int], tuple[int, int, int]]) -> int:
        """Undo ``push``; ``find(point)`` gives (symbol, start, freq) of the interval there."""
        point = self.head & 0xFFFF
        symbol, start, freq = find(point)
        self.head = freq * (self.head >> 16) + point - start
        if self.head < 1 << self.low:
            self.fetch()
        return symbol

    def push_uniform(self, r: int, n: int) -> None:
        """Code ``r`` in ``[0, n)``, any ``n`` up to 2**16, at a cost of log2(n) bits."""
        if self.head >= (1 << self.low) // n << 16:
            self.emit()
        self.head = self.head * n + r
        if self.head < 1 << self.low:
            self.fetch()

    def pop_uniform(self, n: int) -> int:
        """Undo ``push_uniform``."""
        if self.head >= (1 << self.low) // n * n << 16:
            self.emit()
        self.head, r = divmod(self.head, n)
        if self.head < 1 << self.low:
            self.fetch()
        return r


def scale(lane: Lane, x: int, n: int, k: int) -> int:
    """Exact y = x * n / 2**k: the remainder goes to the lane, the new fraction comes from it."""
    v = x * n + lane.pop_uniform(n)
    lane.push_uniform(v & ((1 << k) - 1), 1 << k)
    return v >> k


def unscale(lane: Lane, y: int, n: int, k: int) -> int:
    """Undo ``scale``."""
    x, r = divmod((y << k) + lane.pop_uniform(1 << k), n)
    lane.push_uniform(r, n)
    return x
