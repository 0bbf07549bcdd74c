"""The least of a dim over turns and sizes, against all of them counted out."""

import itertools
import random
from collections.abc import Iterator

import pytest

from revc.ir.dims import Dim
from revc.passes.analysis.ranges import is_negative, is_never_negative, lows

TURN, N, M = (Dim.of(name) for name in "inm")
LOOPS = [
    {"i": Dim.of(4)}, {"i": N}, {"i": N - 1}, {"i": Dim.of(3), "j": Dim.of(5)}, {"i": N, "j": M},
    {"i": Dim.of(4), "j": TURN}, {"i": N, "j": TURN}, {"i": N, "j": TURN + 1},
    {"i": N, "j": N - TURN},
    {"i": N, "j": N - 1 - TURN}, {"i": Dim.of(5), "j": TURN - 1}, {"i": Dim.of(0)},
]  # fmt: skip


def turns(loops: dict[str, Dim], sizes: dict[str, int]) -> Iterator[dict[str, int]]:
    """Yield all turns of nested loops."""
    found = [dict(sizes)]
    for name, count in loops.items():
        found = [
            {**at, name: turn}
            for at in found
            for turn in range(max(0, count.substitute(at).integer or 0))
        ]
    yield from found


def dims(draw: random.Random, names: list[str]) -> Dim:
    total = Dim.of(draw.randint(-4, 4))
    for name in names:
        total = total + Dim.of(name) * draw.choice((-2, -1, 0, 0, 1, 2))
    return total


@pytest.mark.parametrize("number", range(len(LOOPS)))
def test_the_least_of_linear_dims_is_exact(number: int) -> None:
    loops, draw = LOOPS[number], random.Random(number)
    for _ in range(60):
        dim = dims(draw, [*loops, "n"])
        for n, m in itertools.product((1, 2, 3, 6), (1, 4)):
            sizes = {"n": n, "m": m}
            all_turns = [dim.substitute(at).integer for at in turns(loops, sizes)]
            ends = [low.substitute(sizes).integer for low in lows(dim, loops)]
            if all_turns and all(e is not None for e in ends):
                assert min(ends) == min(all_turns), (str(dim), n, m)


def test_the_least_of_products_is_a_bound() -> None:
    draw, loops = random.Random(1), {"i": N, "j": Dim.of(3)}
    for _ in range(60):
        dim = dims(draw, ["i", "j"]) * dims(draw, ["i", "n"])
        for n in (1, 2, 5):
            least = min(dim.substitute(at).integer for at in turns(loops, {"n": n}))
            assert min(low.substitute({"n": n}).integer for low in lows(dim, loops)) <= least


def test_signs_hold_at_every_size() -> None:
    draw = random.Random(2)
    for _ in range(200):
        dim = dims(draw, ["n", "m"]) + N * M * draw.choice((-1, 0, 1))
        at = [dim.substitute({"n": n, "m": m}).integer for n in range(1, 9) for m in range(1, 9)]
        assert not is_negative(dim) or max(at) < 0
        assert not is_never_negative(dim) or min(at) >= 0
        assert is_never_negative(N - 1)
        assert is_negative(-N)
