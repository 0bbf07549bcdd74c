"""Philox-4x32-10 in numba: the words below the floor of a stack."""

# mypy: disallow-untyped-defs=False
from __future__ import annotations

import numpy as np
from numba import njit  # type: ignore[import-untyped,unused-ignore]

_M32 = np.uint64(0xFFFFFFFF)
_S32 = np.uint64(32)
_M0, _M1 = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
_W0, _W1 = np.uint64(0x9E3779B9), np.uint64(0xBB67AE85)


@njit(cache=True)
def philox_word(seed, lane, i, stream):
    """Word ``i`` of ``lane`` in ``stream`` as int64 in [0, 2**16); see ``reference.floor_word``.

    Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
    """
    key = np.uint64(seed)
    k0, k1 = key & _M32, key >> _S32
    a, b = np.uint64(i >> 3) & _M32, np.uint64(i >> 35)
    c, d = np.uint64(lane), np.uint64(stream)
    for _ in range(10):
        p, q = _M0 * a, _M1 * c
        a = (q >> _S32) ^ b ^ k0
        b = q & _M32
        c = (p >> _S32) ^ d ^ k1
        d = p & _M32
        k0 = (k0 + _W0) & _M32
        k1 = (k1 + _W1) & _M32
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
