"""Long random chains, of distinct segments in bytes, for tests and benchmarks."""

import random

from revc.passes.schedule.chain import Chain, Segment

MIB = 2**20


def long_chain(count: int, seed: int, invertible: float = 0.3, skips: int = 0) -> Chain:
    """Return a chain of distinct segments; a share of them is invertible.

    Args:
        count: of segments.
        seed: of the random numbers.
        invertible: the share.
        skips: how many skips there are: half of them over up to 20 segments, half up to 200.
    """
    draw = random.Random(seed)
    return Chain(
        name=f"long_{count}",
        input_bytes=MIB,
        segments=tuple(_segment(draw, i, invertible) for i in range(count)),
        skips=tuple(sorted(_skips(draw, count, skips))),
    )


def _segment(draw: random.Random, number: int, invertible: float) -> Segment:
    time, inverts = draw.uniform(0.5, 3.0), draw.random() < invertible
    return Segment(
        name=f"s{number}",
        kind="invertible" if inverts else "opaque",
        t_fwd=time,
        t_inv=time * draw.uniform(1.0, 1.4) if inverts else None,
        t_bwd=2 * time,
        out_bytes=draw.randint(MIB // 4, 2 * MIB),
        resid_bytes=draw.randint(MIB // 2, 10 * MIB),
        peak_bytes=draw.randint(0, 5 * MIB),
        tape_bytes=draw.randint(0, MIB // 16),
    )


def _skips(draw: random.Random, count: int, wanted: int) -> set[tuple[int, int]]:
    found: set[tuple[int, int]] = set()
    while len(found) < wanted:
        i = draw.randint(0, count - 3)
        j = i + 2 + draw.randint(0, 20 if len(found) % 2 else 200)
        if j <= count:
            found.add((i, j))
    return found
