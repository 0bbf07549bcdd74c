"""Random chains, small enough to try every plan; times are sums of halves, so sums are exact."""

import random

from revc.passes.schedule.chain import Chain, Segment


def chain(seed: int, most: int = 8, skips: bool = False) -> Chain:
    """Return a chain of up to `most` segments; sizes may be zero, kinds are mixed."""
    draw = random.Random(seed)
    count = draw.randint(1, most)
    scale = draw.choice([3, 10, 60])
    alike = draw.random() < 0.2
    first = segment(draw, 1, scale)
    segments = [
        first.replace(name=f"s{i}") if alike else segment(draw, i, scale)
        for i in range(1, count + 1)
    ]
    return Chain(
        name=f"random_{seed}",
        input_bytes=draw.randint(0, scale),
        segments=tuple(segments),
        offload_bandwidth=draw.choice([None, 0.5, 4.0, 64.0]),
        skips=_skips(draw, count) if skips else (),
    )


def segment(draw: random.Random, number: int, scale: int) -> Segment:
    """Return a random segment."""
    invertible = draw.random() < 0.5
    return Segment(
        name=f"s{number}",
        kind="invertible" if invertible else "opaque",
        t_fwd=draw.randint(0, 20) / 2,
        t_inv=draw.randint(0, 30) / 2 if invertible else None,
        t_bwd=draw.randint(0, 40) / 2,
        out_bytes=draw.randint(0, scale),
        resid_bytes=draw.choice([0, draw.randint(0, 4 * scale)]),
        peak_bytes=draw.randint(0, scale),
        tape_bytes=draw.choice([0, draw.randint(0, scale // 2)]),
    )


def _skips(draw: random.Random, count: int) -> tuple[tuple[int, int], ...]:
    every = [(i, j) for j in range(1, count + 1) for i in range(j - 1)]
    return tuple(draw.sample(every, min(len(every), draw.randint(1, 3))))
