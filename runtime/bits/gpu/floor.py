"""Words below the floor, for new heads and for checks on import."""

# mypy: disallow-untyped-defs=False
from __future__ import annotations

import triton.language as tl  # type: ignore[import-untyped,import-not-found,unused-ignore]

from revc.runtime.bits.gpu.lane import kernel, philox_word


@kernel
def floor_words(index, seed, count, STREAM: tl.constexpr, BLOCK: tl.constexpr):
    """Replace ``index`` int64 [count] by the words with these numbers of each lane."""
    lane = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    live = lane < count
    i = tl.load(index + lane, mask=live, other=0)
    tl.store(index + lane, philox_word(seed, lane, i, STREAM), mask=live)
