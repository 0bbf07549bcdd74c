"""Wrong arguments raise an error that says what is wrong, and nothing has moved."""

import math
from collections.abc import Callable

import pytest
import torch

from revc.runtime.bits import BitStack, Mode, errors, ops
from revc.runtime.bits.dist import (
    Categorical,
    Gaussian,
    Logistic,
    Mixture,
    Table,
    Uniform,
    WideUniform,
    raw_bits,
)
from revc.runtime.bits.dist.tempered import tempered
from revc.runtime.bits.errors import (
    BackendError,
    BitsError,
    LaneError,
    ParameterError,
    ScaleOverflowError,
    SymbolError,
)

TABLE = Table.from_counts(torch.arange(10))
LOC, SCALE = torch.zeros(2, 6), torch.ones(2, 6)
SYMBOLS = torch.zeros(2, 6, dtype=torch.int64)
INT = SYMBOLS.int()
BOUNDED = Logistic(LOC, SCALE, bounded=True)
HALF = torch.tensor([0.5, 0.25])
MANY = Categorical(torch.zeros(2, 6, 300))


def spoilt(value: float) -> torch.Tensor:
    out = torch.ones(2, 6)
    out[1, 3] = value
    return out


Case = Callable[[BitStack], object]
CASES: list[tuple[type[BitsError], str, Case]] = [
    (SymbolError, r"\[0, 10\)", lambda s: s.push(SYMBOLS + 10, TABLE)),
    (SymbolError, r"\[0, 10\)", lambda s: s.push(SYMBOLS - 1, TABLE)),
    (SymbolError, "integer dtype", lambda s: s.push(SYMBOLS.float(), TABLE)),
    (SymbolError, "integer dtype", lambda s: s.push(SYMBOLS.bool(), TABLE)),
    (SymbolError, "integer dtype", lambda s: s.push(SYMBOLS.float(), Logistic(LOC, SCALE))),
    (SymbolError, "own n", lambda s: s.push(SYMBOLS + 5, Uniform(5))),
    (SymbolError, "own n", lambda s: s.push(SYMBOLS - 1, Uniform(5))),
    (SymbolError, "own n", lambda s: s.push(SYMBOLS + 5, WideUniform(SYMBOLS + 5))),
    (SymbolError, "own n", lambda s: s.push(SYMBOLS - 1, WideUniform(SYMBOLS + 99999))),
    (SymbolError, "integer dtype", lambda s: s.push(LOC, WideUniform(SYMBOLS + 5))),
    (SymbolError, "inside the windows", lambda s: s.push(SYMBOLS + 99, BOUNDED)),
    (SymbolError, "inside the windows", lambda s: s.push(INT - 99, BOUNDED)),
    (SymbolError, "integer dtype", lambda s: s.push(LOC, BOUNDED)),
    (SymbolError, "int32", lambda s: s.push(SYMBOLS + (1 << 31), BOUNDED)),
    (SymbolError, "inside the windows", lambda s: s.push(
        SYMBOLS + 99, Mixture(LOC[..., None], LOC[..., None], SCALE[..., None], bounded=True))),
    (SymbolError, "integer dtype", lambda s: s.push(LOC, tempered(BOUNDED, HALF))),
    (SymbolError, r"\[0, 70000\)", lambda s: s.push(SYMBOLS + 70000, Uniform(70000))),
    (SymbolError, r"\[0, 300\)", lambda s: s.push(SYMBOLS + 300, MANY)),
    (SymbolError, "int32", lambda s: s.push(SYMBOLS + (1 << 31), Logistic(LOC, SCALE))),
    (SymbolError, "int32", lambda s: s.scale(SYMBOLS, SYMBOLS + 1, 3)),
    (SymbolError, "uint8 or int32", lambda s: ops.pop_table(
        s.token, (2, 6), torch.int64, TABLE.start, TABLE.freq, TABLE.find)),
    (ParameterError, "loc.*finite", lambda s: s.push(SYMBOLS, Logistic(spoilt(math.nan), SCALE))),
    (ParameterError, "loc.*finite", lambda s: s.pop(Gaussian(spoilt(math.inf), SCALE))),
    (ParameterError, "scale.*above 0", lambda s: s.push(SYMBOLS, Logistic(LOC, spoilt(0.0)))),
    (ParameterError, "scale.*above 0", lambda s: s.pop(Logistic(LOC, spoilt(-1.0)))),
    (ParameterError, "scale.*above 0", lambda s: s.pop(Logistic(LOC, spoilt(math.nan)))),
    (ParameterError, "logits.*finite", lambda s: s.pop(Categorical(spoilt(-math.inf)[..., None]))),
    (ParameterError, "logits.*finite", lambda s: s.pop(
        Mixture(spoilt(math.nan)[..., None], LOC[..., None], SCALE[..., None]))),
    (ParameterError, "do not fit symbols", lambda s: s.push(SYMBOLS[:, :3], Logistic(LOC, SCALE))),
    (ParameterError, "do not fit symbols", lambda s: s.push(SYMBOLS[:, :3], Uniform(SYMBOLS + 1))),
    (ParameterError, "do not fit symbols", lambda s: s.push(
        SYMBOLS[:, :3], Categorical(torch.zeros(2, 6, 4)))),
    (ParameterError, r"\[1, 2\*\*16\]", lambda s: s.pop(Uniform(SYMBOLS))),
    (ParameterError, r"\[1, 2\*\*32\]", lambda s: s.pop(WideUniform(SYMBOLS))),
    (ParameterError, r"\[1, 2\*\*32\]", lambda s: s.pop(WideUniform(SYMBOLS + (1 << 32) + 1))),
    (ParameterError, r"\[1, 2\*\*32\]", lambda s: s.push(SYMBOLS - 1, WideUniform(SYMBOLS - 9))),
    (ParameterError, "do not fit symbols", lambda s: s.pop(WideUniform(SYMBOLS + 1), (2, 5))),
    (ParameterError, "do not fit symbols", lambda s: s.pop(tempered(BOUNDED, HALF), (2, 5))),
    (ParameterError, "loc.*finite", lambda s: s.pop(
        tempered(Gaussian(spoilt(math.nan), SCALE), HALF))),
    (ParameterError, "logits.*finite", lambda s: s.pop(
        tempered(Categorical(spoilt(-math.inf)[..., None]), HALF))),
    (ParameterError, r"\[1, 2\*\*16\]", lambda s: s.pop(Uniform(SYMBOLS + 65537))),
    (ParameterError, r"\[1, 2\*\*16\]", lambda s: s.scale(INT, SYMBOLS, 3)),
    (ParameterError, "int64", lambda s: s.pop(Uniform(INT + 1))),
    (ParameterError, r"\[0, 16\]", lambda s: s.scale(INT, SYMBOLS + 1, 17)),
    (ParameterError, r"\[0, 16\]", lambda s: s.unscale(INT, SYMBOLS + 1, -1)),
    (LaneError, "2 sequences, the data 3", lambda s: s.push(torch.zeros(3, 6).int(), TABLE)),
    (LaneError, "2 sequences, the data 3", lambda s: s.pop(TABLE, (3, 6))),
    (LaneError, "2 sequences, the data 3", lambda s: s.pop(tempered(TABLE, HALF), (3, 6))),
    (LaneError, "2 sequences, the data 3", lambda s: s.pop(
        WideUniform(torch.ones(3, 6, dtype=torch.int64)))),
    (LaneError, "leading axis", lambda s: s.push(torch.tensor(3), TABLE)),
    (LaneError, "meta", lambda s: ops.size(s.token, 2, torch.device("meta"))),
    (ScaleOverflowError, "int32", lambda s: s.scale(INT + (1 << 30), SYMBOLS + 65536, 15)),
    (ScaleOverflowError, "int32", lambda s: s.scale(INT - (1 << 30) - 1, SYMBOLS + 2, 0)),
    (ScaleOverflowError, "int32", lambda s: s.unscale(INT + (1 << 30), SYMBOLS + 1, 1)),
    (ScaleOverflowError, "int32", lambda s: s.unscale(INT - (1 << 30) - 1, SYMBOLS + 1, 1)),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "message", "case"), CASES)
def test_refused_before_anything_moves(kind: type[BitsError], message: str, case: Case) -> None:
    stack = BitStack(2, 4, seed=9)
    stack.push(torch.full((2, 50), 3), TABLE)
    before = stack.digest()
    with pytest.raises(kind, match=message):
        case(stack)
    assert stack.digest() == before


@pytest.mark.parametrize(("kind", "message", "case"), CASES)
def test_put_off_faults_are_raised_by_verify(
    kind: type[BitsError], message: str, case: Case
) -> None:
    stack = BitStack(2, 4, seed=9, check="later")

    def run() -> None:
        case(stack)
        stack.verify()

    with pytest.raises(kind, match=message):
        run()


def test_verify_clears_what_it_raises() -> None:
    stack = BitStack(2, check="later")
    stack.push(SYMBOLS + 99, TABLE)
    with pytest.raises(SymbolError):
        stack.verify()
    stack.verify()


def test_export_does_not_hide_faults() -> None:
    stack = BitStack(2, check="later")
    stack.push(SYMBOLS + 99, TABLE)
    with pytest.raises(SymbolError):
        stack.export()


@pytest.mark.parametrize(
    "make",
    [
        lambda: Uniform(0),
        lambda: Uniform((1 << 31) + 1),
        lambda: raw_bits(32),
        lambda: WideUniform(INT),
        lambda: Table(torch.tensor([1, 2])),
        lambda: Table(torch.tensor([65536, 0])),
        lambda: Table(torch.tensor([65537, -1])),
        lambda: Table(torch.tensor([65536.0])),
        lambda: Table.from_counts(torch.tensor([1.5])),
        lambda: Table.from_counts(torch.tensor([-1])),
        lambda: Table.from_counts(torch.zeros(0, dtype=torch.int64)),
        lambda: Table.from_counts(torch.tensor([1 << 46])),
        lambda: Table.from_counts(torch.ones(257, dtype=torch.int64), dtype=torch.uint8),
        lambda: Table.from_probabilities(torch.tensor([math.nan, 1.0])),
        lambda: Table.from_probabilities(torch.zeros(3)),
        lambda: Table.from_logits(torch.tensor([math.inf])),
        lambda: Categorical(torch.zeros(2, 0)),
        lambda: Categorical(torch.zeros(2, 3, dtype=torch.int64)),
        lambda: Categorical.from_weights(torch.zeros(2, 3, dtype=torch.int64)),
        lambda: Logistic(LOC, SCALE, step=0.0),
        lambda: Logistic(LOC, SCALE, step=math.nan),
        lambda: Logistic(LOC.int(), SCALE),
        lambda: Logistic.from_grid(LOC, SCALE),
        lambda: Mixture(LOC, LOC, SCALE[:, :2]),
        lambda: Mixture(LOC, LOC, SCALE, family="cauchy"),
        lambda: Mixture.from_grid(INT, SYMBOLS, SYMBOLS.to(torch.uint8)),
    ],
)
def test_unusable_distributions(make: Callable[[], object]) -> None:
    with pytest.raises(ParameterError):
        make()


@pytest.mark.parametrize(
    "make",
    [
        lambda: BitStack(-1),
        lambda: BitStack(1, 0),
        lambda: BitStack(1 << 30, 32),
        lambda: BitStack(1, seed=-1),
        lambda: BitStack(1, seed=1 << 63),
    ],
)
def test_unusable_stacks(make: Callable[[], object]) -> None:
    with pytest.raises(LaneError):
        make()


def test_unknown_backends_and_devices() -> None:
    with pytest.raises(BackendError, match="no back end 'cuda'"):
        BitStack(1, backend="cuda")  # type: ignore[arg-type]
    with pytest.raises(BackendError, match="meta"):
        BitStack(1, device="meta")


def test_a_token_dies_with_its_stack() -> None:
    stack = BitStack(1, mode=Mode.FAST)
    token = stack.token
    del stack
    with pytest.raises(LaneError, match="no longer exists"):
        ops.size(token, 1, torch.device("cpu"))


def test_every_user_error_has_the_root() -> None:
    kinds = [v for v in vars(errors).values() if isinstance(v, type) and issubclass(v, Exception)]
    outside = {k.__name__ for k in kinds if not issubclass(k, BitsError)}
    assert outside == {"RevcError"}  # the root of the whole project's
    documented = errors.__doc__ or ""
    assert all(k.__name__ in documented for k in kinds)
