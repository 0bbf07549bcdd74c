"""Streams interleaved by warp in numba: one thread, the format of ``warp.reference``.

Words uint16 [streams, capacity], each stream's from column GUARD on; heads int32 [streams * 32],
tops int32 [streams]. ``symbols`` uint8 [elements] are what the table codes; ``order`` int64 [4] are
the turns of a group's members.
"""

# mypy: disallow-untyped-defs=False
from __future__ import annotations

import numpy as np
from numba import njit  # type: ignore[import-untyped,unused-ignore]

from revc.runtime.bits.warp.table import GUARD


@njit(cache=True, nogil=True, error_model="numpy")
def push(words, heads, tops, symbols, order, start, freq):
    """Push ``symbols`` by the table (start, freq int64 [256]); all have a code."""
    streams, elements = tops.shape[0], symbols.shape[0]
    for first in range(0, elements, streams * 128):
        for stream in range(streams):
            top = GUARD + tops[stream]
            for k in range(4):
                for lane in range(32):
                    e = first + stream * 128 + lane * 4 + order[k]
                    if e < elements:
                        at, s = stream * 32 + lane, symbols[e]
                        head, f = np.int64(heads[at]), freq[s]
                        if head >= f << 19:
                            words[stream, top] = head & 0xFFFF
                            top += 1
                            head >>= 16
                        heads[at] = (head // f << 12) + head % f + start[s]
            tops[stream] = top - GUARD


@njit(cache=True, nogil=True, error_model="numpy")
def pop(words, heads, tops, symbols, order, points):
    """Undo ``push``, with the entries of ``table.pop_entries`` as uint32; 1 if words ran out."""
    streams, elements, short = tops.shape[0], symbols.shape[0], 0
    span = streams * 128
    for first in range((elements - 1) // span * span, -1, -span):
        for stream in range(streams):
            top = tops[stream]
            for k in range(3, -1, -1):
                for lane in range(31, -1, -1):
                    e = first + stream * 128 + lane * 4 + order[k]
                    if e < elements:
                        at = stream * 32 + lane
                        head = np.int64(heads[at])
                        found = np.int64(points[head & 0xFFF])
                        symbols[e] = found & 0xFF
                        head = (found >> 20) * (head >> 12) + (found >> 8 & 0xFFF)
                        if head < 0x8000:
                            short |= int(top == 0)
                            top = max(top - 1, 0)
                            head = head << 16 | np.int64(words[stream, GUARD + top])
                        heads[at] = head
            tops[stream] = top
    return short
