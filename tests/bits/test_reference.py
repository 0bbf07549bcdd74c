"""The numba back end does what the reference says, word for word."""

import pytest
import torch

from revc.runtime.bits import BitStack, Mode
from revc.runtime.bits.dist import (
    FloatBits,
    Gaussian,
    Logistic,
    Mixture,
    Table,
    Uniform,
    WideUniform,
)
from revc.runtime.bits.integer import leaky_cdf
from revc.runtime.bits.ops import pop_rows, push_rows
from revc.runtime.bits.reference import Lane, floor_word, philox
from tests.bits.mirror import Mirror, assert_same

M32 = 0xFFFFFFFF
ROUTES = pytest.mark.parametrize(
    ("mode", "sequences", "lanes"),
    [(Mode.WIDE, 2, 32), (Mode.WIDE, 3, 1), (Mode.FAST, 2, 5), (Mode.FAST, 1, 32)],
)


def pair(mode: Mode, sequences: int, lanes: int) -> tuple[BitStack, Mirror]:
    stack = BitStack(sequences, lanes, seed=0xDEADBEEF12345, mode=mode)
    return stack, Mirror(stack)


# Known answers of Random123, the authors' own library (kat_vectors, philox4x32 10 rounds).
@pytest.mark.parametrize(
    ("counter", "key", "want"),
    [
        ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
        ((M32,) * 4, (M32,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
        (
            (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
            (0xA4093822, 0x299F31D0),
            (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
        ),
    ],
)
def test_philox_known_answers(
    counter: tuple[int, int, int, int], key: tuple[int, int], want: tuple[int, ...]
) -> None:
    assert philox(counter, key) == want


def test_floor_words_take_each_half_of_each_output() -> None:
    out = philox((1, 0, 7, 0), (5, 0))
    words = [floor_word(5, 7, 8 + i) for i in range(8)]
    assert words == [w >> s & 0xFFFF for w in out for s in (0, 16)]


def test_floor_words_far_down_match() -> None:
    stack = BitStack(1, 3, seed=(1 << 62) + 5)
    index = torch.tensor([0, (1 << 35) + 3, (1 << 40) + 9])
    got = stack.engine.backend.floor_words(stack.engine.state, index)
    assert got.tolist() == [floor_word(stack.seed, j, int(i)) for j, i in enumerate(index)]


@ROUTES
def test_fresh_heads(mode: Mode, sequences: int, lanes: int) -> None:
    assert_same(*pair(mode, sequences, lanes))


@ROUTES
def test_table(mode: Mode, sequences: int, lanes: int) -> None:
    stack, mirror = pair(mode, sequences, lanes)
    table = Table.from_counts(torch.tensor([1000, 1, 0, 250, 30]))
    bounds = [*table.start.tolist(), 65536]
    symbols = torch.randint(0, 5, (sequences, 70), generator=torch.Generator().manual_seed(1))
    stack.push(symbols, table)
    mirror.push_cdf(symbols, lambda b, e: bounds)
    assert_same(stack, mirror)
    drawn = stack.pop(table, (sequences, 150))
    assert torch.equal(drawn, mirror.pop_cdf((sequences, 150), lambda b, e: bounds))
    assert_same(stack, mirror)
    assert int(stack.debt().min()) > 0


@ROUTES
def test_rows(mode: Mode, sequences: int, lanes: int) -> None:
    stack, mirror = pair(mode, sequences, lanes)
    random = torch.Generator().manual_seed(2)
    cdf = leaky_cdf(torch.randint(1, 1000, (6, 9), generator=random), 9)
    row = torch.randint(0, 6, (sequences, 60), generator=random, dtype=torch.int32)
    symbols = torch.randint(0, 9, (sequences, 60), generator=random)

    def bounds(b: int, e: int) -> list[int]:
        return [int(c) for c in cdf[int(row[b, e])]]

    drawn = pop_rows(stack.token, row.shape, cdf, row)
    assert torch.equal(drawn, mirror.pop_cdf((sequences, 60), bounds))
    push_rows(stack.token, symbols, cdf, row)
    mirror.push_cdf(symbols, bounds)
    assert_same(stack, mirror)


@ROUTES
def test_uniform(mode: Mode, sequences: int, lanes: int) -> None:
    stack, mirror = pair(mode, sequences, lanes)
    random = torch.Generator().manual_seed(3)
    n = torch.randint(1, 65537, (sequences, 90), generator=random)
    n[:, ::7] = torch.tensor([1, 2, 65536, 65535])[torch.arange(13) % 4]
    symbols = (torch.rand(n.shape, generator=random) * n).long()
    assert torch.equal(stack.pop(Uniform(n)), mirror.pop_uniform(n))
    assert_same(stack, mirror)
    stack.push(symbols, Uniform(n))
    mirror.push_uniform(symbols, n)
    assert_same(stack, mirror)


@ROUTES
def test_wide_uniform(mode: Mode, sequences: int, lanes: int) -> None:
    """Two digits: 16 bits at most in the upper one."""
    stack, mirror = pair(mode, sequences, lanes)
    random = torch.Generator().manual_seed(3)
    n = torch.randint(1, 1 << 32, (sequences, 90), generator=random)
    n[:, ::3] >>= 20
    bits = torch.tensor([[max(0, int(v - 1).bit_length() - 16) for v in row] for row in n])
    upper = mirror.pop_uniform((n + (1 << bits) - 1) >> bits).long()
    lower = mirror.pop_uniform(torch.minimum(n - (upper << bits), 1 << bits))
    assert torch.equal(stack.pop(WideUniform(n)), (upper << bits) + lower)
    assert_same(stack, mirror)


@ROUTES
def test_scale(mode: Mode, sequences: int, lanes: int) -> None:
    stack, mirror = pair(mode, sequences, lanes)
    random = torch.Generator().manual_seed(4)
    n = torch.randint(1, 3000, (sequences, 90), generator=random)
    x = torch.randint(-(1 << 20), 1 << 20, n.shape, generator=random, dtype=torch.int32)
    y = stack.scale(x, n, 11)
    assert torch.equal(y, mirror.scale(x, n, 11))
    assert_same(stack, mirror)
    assert torch.equal(stack.unscale(y, n, 11), mirror.unscale(y, n, 11))
    assert_same(stack, mirror)


def test_the_worked_example_of_scaling() -> None:
    lane = Lane(seed=0, lane=0)
    lane.push_uniform(2, 3)
    v = 7 * 3 + lane.pop_uniform(3)
    assert (v, v // 5, v % 5) == (23, 4, 3)


@ROUTES
@pytest.mark.parametrize("kind", ["logistic", "gaussian", "mixture"])
def test_windows(mode: Mode, sequences: int, lanes: int, kind: str) -> None:
    stack, mirror = pair(mode, sequences, lanes)
    random = torch.Generator().manual_seed(5)
    shape = (sequences, 80, 3) if kind == "mixture" else (sequences, 80, 1)
    loc = torch.randint(-(1 << 20), 1 << 20, shape, generator=random)
    loc[:, ::5] *= 1 << 18
    scale = torch.randint(0, 256, shape, generator=random).to(torch.uint8)
    scale[:, ::2] //= 8
    weight = torch.full(shape, 65536 // shape[-1], dtype=torch.int32)
    weight[..., 0] += 65536 - weight.sum(-1)
    symbols = (loc[..., 0] >> 8) + torch.randint(-40, 40, shape[:2], generator=random)
    symbols[:, ::9] = torch.randint(-(1 << 31), 1 << 31, symbols[:, ::9].shape, generator=random)
    symbols = symbols.clamp(-(1 << 31), (1 << 31) - 1)
    family = "gaussian" if kind == "gaussian" else "logistic"
    distribution = {
        "logistic": lambda: Logistic.from_grid(loc[..., 0], scale[..., 0]),
        "gaussian": lambda: Gaussian.from_grid(loc[..., 0], scale[..., 0]),
        "mixture": lambda: Mixture.from_grid(weight, loc, scale),
    }[kind]()
    before = stack.digest()
    stack.push(symbols, distribution)
    mirror.push_window(family, symbols, weight, loc, scale)
    assert_same(stack, mirror)
    assert torch.equal(stack.pop(distribution).long(), symbols)
    assert stack.digest() == before


@ROUTES
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
def test_floats(mode: Mode, sequences: int, lanes: int, dtype: torch.dtype) -> None:
    stack, mirror = pair(mode, sequences, lanes)
    random = torch.Generator().manual_seed(6)
    patterns = torch.randint(-(1 << 15), 1 << 15, (sequences, 90), generator=random)
    patterns[:, ::3] &= -(1 << 15) | 15
    patterns[:, ::6] &= -(1 << 15)
    values = patterns.to(torch.int16).view(dtype)
    model = FloatBits(dtype)
    stack.push(values, model)
    classes, mantissa = model.split(values)
    room = model.room(classes)
    rank = torch.where(room == 1, 0, mantissa - (room & 1))
    mirror.push_floats(classes, rank, room, model.table.start)
    assert_same(stack, mirror)
