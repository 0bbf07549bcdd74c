"""Philox-4x32-10 in numba: the words below the floor of a stack."""

# mypy: disallow-untyped-defs=False
from __future__ import annotations

import numpy as np
from numba import njit  # type: ignore[import-untyped,unused-ignore]

from revc.runtime.bits.cpu.philox import M32, S32, block


@njit(cache=True)
def philox_word(seed, lane, i, stream):
    """Word ``i`` of ``lane`` in ``stream`` as int64 in [0, 2**16); see ``reference.floor_word``."""
    key = np.uint64(seed)
    low, high = np.uint64(i >> 3) & M32, np.uint64(i >> 35)
    a, b, c, d = block(low, high, np.uint64(lane), np.uint64(stream), key & M32, key >> S32)
    pair = (i >> 1) & 3
    out = a if pair == 0 else b if pair == 1 else c if pair == 2 else d
    return np.int64((out >> np.uint64(16 * (i & 1))) & np.uint64(0xFFFF))


@njit(cache=True)
def first_heads(heads, seed, low):
    """Fill ``heads`` (int64 [lanes]) with the heads of an untouched stack."""
    for lane in range(heads.shape[0]):
        head = np.int64(1) << low
        for i in range(low // 16):
            head |= philox_word(seed, lane, i, 1) << (16 * i)
        heads[lane] = head


@njit(cache=True)
def borrow(debt, seed, lane):
    """Take the next word below the floor of ``lane``."""
    owed = debt[lane]
    debt[lane] = owed + 1
    return philox_word(seed, lane, owed, 0)


@njit(cache=True)
def repay(debt, seed, lane, word):
    """Pay one word of debt if ``word`` is the one last borrowed; gives 1 if so, else 0."""
    owed = debt[lane] - 1
    if owed < 0 or philox_word(seed, lane, owed, 0) != word:
        return 0
    debt[lane] = owed
    return 1


@njit(cache=True)
def floor_words(index, seed):
    """Replace ``index`` (int64 [lanes]) by the words with these numbers below each lane's floor."""
    for lane in range(index.shape[0]):
        index[lane] = philox_word(seed, lane, index[lane], 0)
