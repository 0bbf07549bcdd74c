"""Lifting steps: undone bit for bit, the same bits whatever computes them, and near the matrix."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from revc.errors import InternalError
from revc.runtime.state import lifting
from revc.runtime.state.factoring import (
    Lifts,
    SingularMixError,
    Triangle,
    factor,
    permutation,
    triangle,
)
from revc.runtime.state.lifting import apply_lifts, apply_matrix, triangular_lift

SIZES = (1, 2, 3, 4, 17, 64, 256)
DTYPES = (torch.int16, torch.int32, torch.int64)


def random(*shape: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def orthogonal(n: int, seed: int = 0) -> Tensor:
    return torch.linalg.qr(random(n, n, seed=seed))[0]


def raws(rows: int, n: int, dtype: torch.dtype, bits: int | None = None) -> Tensor:
    """Random integers; over the whole range, with its ends and the worst digits, if no bits."""
    generator = torch.Generator().manual_seed(n)
    if bits is not None:
        return torch.randint(-(1 << bits), 1 << bits, (rows, n), generator=generator).to(dtype)
    ends = torch.iinfo(dtype)
    raw = torch.randint(ends.min, ends.max, (rows, n), generator=generator).to(dtype)
    worst = 0x7FFF8000800080007FFF & ends.max
    for row, value in enumerate((ends.min, ends.max, 0, -1, 0x8000800080008000 >> 1, worst)):
        raw[row] = torch.tensor(value).to(dtype)
    return raw


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n", SIZES)
def test_both_orders_are_the_identity(n: int, dtype: torch.dtype) -> None:
    lifts = factor(orthogonal(n))
    raw = raws(40, n, dtype)
    mixed = apply_lifts(raw, lifts)
    assert mixed.dtype == dtype
    assert mixed.shape == raw.shape
    assert torch.equal(apply_lifts(mixed, lifts, undo=True), raw)
    assert torch.equal(apply_lifts(apply_lifts(raw, lifts, undo=True), lifts), raw)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("upper", [False, True])
@pytest.mark.parametrize("size", [0.01, 1.0, 300.0])
def test_a_triangle_is_undone(size: float, upper: bool, dtype: torch.dtype) -> None:
    step = triangle(size * random(50, 50), upper)
    raw = raws(20, 50, dtype)
    assert torch.equal(triangular_lift(triangular_lift(raw, step), step, undo=True), raw)


def wrap(value: int, bits: int) -> int:
    return (value + (1 << (bits - 1))) % (1 << bits) - (1 << (bits - 1))


def by_python(vector: list[int], step: Triangle, bits: int) -> list[int]:
    """What one triangular step means, in integers without limits."""
    out = []
    for value, row in zip(vector, step.entries.tolist(), strict=True):
        total = sum(entry * x for entry, x in zip(row, vector, strict=True))
        out.append(wrap(value + ((total + (1 << (step.bits - 1))) >> step.bits), bits))
    return out


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n", [2, 17, 256])
@pytest.mark.parametrize("entry", [1.0, -0.99999, 3.7, 500.0])
def test_sums_are_exact_where_they_are_largest(entry: float, n: int, dtype: torch.dtype) -> None:
    step = triangle(torch.full((n, n), entry, dtype=torch.float64))
    assert int(step.entries.abs().sum(1).max()) <= 1 << 38
    raw = raws(8, n, dtype)
    wanted = [by_python(vector, step, torch.iinfo(dtype).bits) for vector in raw.tolist()]
    assert triangular_lift(raw, step).tolist() == wanted


@given(
    st.sampled_from(DTYPES),
    st.lists(st.floats(-1000, 1000), min_size=9, max_size=9),
    st.lists(st.integers(-(1 << 63), (1 << 63) - 1), min_size=3, max_size=3),
    st.booleans(),
)
@settings(deadline=None)
def test_steps_mean_what_integers_say(
    dtype: torch.dtype, entries: list[float], vector: list[int], upper: bool
) -> None:
    step = triangle(torch.tensor(entries, dtype=torch.float64).view(3, 3), upper)
    raw = torch.tensor(vector).to(dtype)
    lifted = triangular_lift(raw, step)
    assert lifted.tolist() == by_python(raw.tolist(), step, torch.iinfo(dtype).bits)
    assert torch.equal(triangular_lift(lifted, step, undo=True), raw)


@contextmanager
def threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("undo", [False, True])
def test_bits_depend_on_no_layout_batch_or_thread(
    undo: bool, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    lifts = factor(orthogonal(64))
    raw = raws(60, 64, dtype)
    wanted = apply_lifts(raw, lifts, undo)
    layouts = {
        "columns": raw.t().contiguous().t(),
        "slice": torch.stack((raw, raw), -1)[..., 0],
        "four axes": raw.view(3, 4, 5, 64),
        "moved axes": raw.view(3, 20, 64).transpose(0, 1).contiguous().transpose(0, 1),
    }
    for name, one in layouts.items():
        assert torch.equal(apply_lifts(one, lifts, undo).view(60, 64), wanted), name
    for row in (0, 7, 59):
        assert torch.equal(apply_lifts(raw[row], lifts, undo), wanted[row])
    assert apply_lifts(raw[:0], lifts, undo).shape == (0, 64)
    with threads(2), torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(apply_lifts(raw, lifts, undo), wanted)
    monkeypatch.setattr(lifting, "CHUNK", 64 * 7)
    monkeypatch.setattr(lifting, "BLOCK", 5)
    assert torch.equal(apply_lifts(raw, lifts, undo), wanted)


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("dtype", [torch.int32, torch.int64])
def test_the_error_is_a_few_units(n: int, dtype: torch.dtype) -> None:
    matrix = orthogonal(n)
    lifts, raw = factor(matrix), raws(500, n, dtype, bits=24)
    for undo, exact in ((False, matrix), (True, matrix.mT)):
        error = apply_lifts(raw, lifts, undo).double() - raw.double() @ exact.mT
        assert float(error.square().mean().sqrt()) < 0.4 * n**0.5 + 0.4
        assert float(error.abs().max()) < 1.5 * n**0.5 + 2


def test_narrow_state_is_mixed_where_it_has_room() -> None:
    matrix = orthogonal(64)
    raw = raws(500, 64, torch.int16, bits=10)
    error = apply_lifts(raw, factor(matrix)).double() - raw.double() @ matrix.mT
    assert float(error.abs().max()) < 14


def rebuilt(lifts: Lifts) -> Tensor:
    """Multiply the factors in float64."""
    n = len(lifts.rows)
    eye = torch.eye(n, dtype=torch.float64)
    lower, upper = (x.entries.double() * 2.0**-x.bits + eye for x in (lifts.lower, lifts.upper))
    product = upper
    for pairs in lifts.pairs:
        product[pairs.first] *= pairs.ratio.double()[:, None] * 2.0**-32
        product[pairs.second] *= pairs.inverse.double()[:, None] * 2.0**-32
    product = lower @ (lifts.signs[:, None] * product)
    out = torch.empty_like(product)
    out[lifts.rows[:, None], lifts.columns] = product
    return out


def matrices() -> dict[str, Tensor]:
    n, eye = 48, torch.eye(48, dtype=torch.float64)
    v = random(n, seed=3)
    found = {f"orthogonal {k}": orthogonal(k, seed=k) for k in (*SIZES, 300)}
    found["reflection"] = eye - 2 * torch.outer(v, v) / v.square().sum()
    found["permutation"] = eye[permutation(n, 1)]
    found["negative"] = -eye
    found["diagonal"] = torch.diag(torch.tensor([3.0, -0.5, 2 / 3, 1.0], dtype=torch.float64))
    found["shears"] = (random(n, n).tril(-1) / 8 + eye) @ (random(n, n, seed=1).triu(1) / 8 + eye)
    return found


@pytest.mark.parametrize(("name", "matrix"), matrices().items())
def test_factors_multiply_to_the_matrix(name: str, matrix: Tensor) -> None:
    lifts = factor(matrix)
    assert int(lifts.lower.entries.abs().max()) <= 1 << lifts.lower.bits
    assert int(lifts.upper.entries.abs().max()) <= 1 << lifts.upper.bits
    torch.testing.assert_close(rebuilt(lifts), matrix, atol=1e-7, rtol=0)
    again = factor(matrix.t().contiguous().t())
    assert torch.equal(lifts.lower.entries, again.lower.entries)
    assert torch.equal(lifts.upper.entries, again.upper.entries)


@pytest.mark.parametrize("n", [1, 5, 64])
def test_permutations_and_signs_are_exact(n: int) -> None:
    order, raw = permutation(n, 5), raws(20, n, torch.int32)
    matrix = -torch.eye(n, dtype=torch.float64)[order]
    assert torch.equal(apply_lifts(raw, factor(matrix)), -raw[:, order])


@pytest.mark.parametrize(
    ("matrix", "why"),
    [
        (torch.zeros(3, 3), "singular"),
        (torch.ones(4, 4), "singular"),
        (torch.eye(3) * 2, "determinant"),
        (torch.diag(torch.tensor([1e4, 1e-4])), "too strongly"),
        (torch.tensor([[1.0, float("nan")], [0.0, 1.0]]), "not finite"),
        (torch.tensor([[1.0, float("inf")], [0.0, 1.0]]), "not finite"),
        (torch.tensor([[1.0, 1e6], [0.0, 1.0]]), "too large"),
    ],
)
def test_what_has_no_steps_is_refused(matrix: Tensor, why: str) -> None:
    with pytest.raises(SingularMixError, match=why):
        factor(matrix)


@pytest.mark.parametrize("entry", [float("nan"), float("inf"), 1e300, 2.0**18])
def test_triangles_too_large_are_refused(entry: float) -> None:
    with pytest.raises(SingularMixError):
        triangle(torch.full((2, 2), entry, dtype=torch.float64))


@pytest.mark.parametrize("dtype", [torch.float32, torch.int8, torch.uint8])
def test_other_state_is_refused(dtype: torch.dtype) -> None:
    with pytest.raises(InternalError, match="no exact sums"):
        apply_lifts(torch.zeros(2, 3, dtype=dtype), factor(torch.eye(3)))


@pytest.mark.parametrize("undo", [False, True])
def test_float_state_is_multiplied(undo: bool) -> None:
    matrix, x = orthogonal(17) * 2, random(3, 5, 17).float()
    found = apply_matrix(x, matrix, undo)
    assert found.dtype == torch.float32
    exact = x.double() @ (torch.linalg.inv(matrix) if undo else matrix).mT
    torch.testing.assert_close(found.double(), exact, atol=1e-5, rtol=1e-5)


def test_permutations_have_golden_values() -> None:
    assert permutation(10, 0).tolist() == [2, 8, 0, 5, 9, 7, 6, 3, 4, 1]
    assert permutation(10, -1).tolist() == [2, 1, 9, 6, 7, 5, 0, 3, 4, 8]
    assert permutation(0, 3).tolist() == []
    assert permutation(257, 9).sort().values.tolist() == list(range(257))
