"""Streams interleaved by warp, stated in plain Python.

A stream has 32 lanes, each with a head, and one stack of 16-bit words for all of them. In a step
every lane pushes a symbol. Those lanes whose head is too high for it emit their low word first,
in the order of the lanes; a pop undoes the step, and the lanes whose heads come out too low fetch
their words again. Which lanes those are, both sides see from the heads.

Symbols go to lanes in groups of four neighbours: group g is the turn of lane g % 32 of stream
g // 32 % streams, which takes the four one after the other.

Sources: F. Giesen, "Interleaved entropy coders", arXiv:1402.3392; J. Duda, arXiv:1311.2540.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from revc.runtime.bits.warp.table import GROUP, LANES, LOW, SCALE, SCALE_BITS


@dataclass
class Stream:
    """32 heads and the words of all of them; the last word is the top."""

    heads: list[int] = field(default_factory=lambda: [1 << LOW] * LANES)
    words: list[int] = field(default_factory=list)

    def push(self, symbols: list[int | None], start: list[int], freq: list[int]) -> None:
        """A step: one symbol to each lane, or None to those that are idle."""
        for lane, s in enumerate(symbols):
            if s is None:
                continue
            head = self.heads[lane]
            if head >= freq[s] << (LOW + 16 - SCALE_BITS):
                self.words.append(head & 0xFFFF)
                head >>= 16
            self.heads[lane] = (head // freq[s] << SCALE_BITS) + head % freq[s] + start[s]

    def pop(self, busy: list[bool], start: list[int], freq: list[int]) -> list[int]:
        """Undo a step; gives the symbols of the lanes that are ``busy``, and 0 of the others."""
        symbols, due = [0] * LANES, []
        for lane in range(LANES):
            if not busy[lane]:
                continue
            point = self.heads[lane] % SCALE
            s = next(i for i, f in enumerate(freq) if start[i] <= point < start[i] + f)
            symbols[lane] = s
            self.heads[lane] = freq[s] * (self.heads[lane] >> SCALE_BITS) + point - start[s]
            due += [lane] if self.heads[lane] < 1 << LOW else []
        for lane in reversed(due):
            self.heads[lane] = self.heads[lane] << 16 | self.words.pop()
        return symbols


def steps(elements: int, streams: int, order: tuple[int, ...]) -> Iterator[tuple[int, list[int]]]:
    """(stream, element of each lane) of every step, as pushed; elements beyond the end are idle."""
    span = streams * LANES * GROUP
    for first in range(0, elements, span):
        for stream in range(streams):
            for k in order:
                begin = first + stream * LANES * GROUP + k
                yield stream, [begin + lane * GROUP for lane in range(LANES)]


def split(pattern: int) -> tuple[int, int]:
    """A 16-bit float's bits 7 to 14, which the table codes, and the other eight, which stay raw."""
    return pattern >> 7 & 0xFF, pattern & 0x7F | pattern >> 8 & 0x80
