"""A stack returns to a state it had: cheaply after pops or pushes alone, else by its words."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from revc.runtime.bits import BitStack, Mode, ops
from revc.runtime.bits.backends import BackendName
from revc.runtime.bits.dist import FloatBits, Gaussian, Logistic, Table, Uniform, WideUniform
from revc.runtime.bits.dist.base import Distribution
from revc.runtime.bits.errors import LaneError
from revc.runtime.bits.spill import HostSpill
from tests.bits.programs import Program

STACKS = pytest.mark.parametrize(
    ("mode", "sequences", "lanes"),
    [(Mode.WIDE, 2, 3), (Mode.FAST, 2, 3), (Mode.FAST, 1, 32), (Mode.WIDE, 3, 1)],
)
SHAPE = (2, 60)


def mixed(stack: BitStack, turns: int, seed: int = 0) -> Program:
    program = Program(stack, seed)
    for _ in range(turns):
        program.step()
    return program


def models(sequences: int, seed: int) -> list[Distribution]:
    """Every kind of coder; odd bases, whose pops can meet a head that is too high."""
    random = torch.Generator().manual_seed(seed)
    shape = (sequences, 60)
    loc = torch.randn(shape, generator=random) * 100
    wide = torch.randint(1, 1 << 32, shape, generator=random)
    return [
        Uniform(65535), WideUniform(wide), Table.from_counts(torch.arange(50)),
        Logistic(loc, loc.abs() + 1), Gaussian(loc, loc.abs() * 1000 + 1),
        FloatBits(torch.float16), Uniform(40503),
    ]  # fmt: skip


@STACKS
@pytest.mark.parametrize("words", [False, True])
def test_after_pops(mode: Mode, sequences: int, lanes: int, words: bool) -> None:
    stack = BitStack(sequences, lanes, seed=3, mode=mode)
    for model in models(sequences, 1) * 3:
        drawn = BitStack(sequences, seed=9).pop(model, (sequences, 60))
        stack.push(drawn, model)
    before, saved = stack.digest(), stack.save(words)
    for turn in range(3):  # past the floor in the last
        for model in models(sequences, turn + 2) * (turn + 1):
            stack.pop(model, (sequences, 60))
        assert not bool(stack.is_at(saved).any())
        stack.rewind(saved)
        assert stack.digest() == before
        assert bool(stack.is_at(saved).all())


def pops_write_nothing(backend: BackendName, turns: int) -> bool:
    """Digits whose heads are too high, under symbols whose push has changed their low word."""
    stack = BitStack(64, 1, mode=Mode.FAST, backend=backend)
    digit, likely = Uniform(40503), Table(torch.tensor([60000, 5536]))
    for turn in range(turns):
        stack.push((torch.arange(64)[:, None] + turn) * 7919 % 40503, digit)
        stack.push(torch.zeros(64, 1, dtype=torch.int64), likely)
    before, saved = stack.digest(), stack.save()
    for _ in range(turns - 5):
        stack.pop(likely, (64, 1))
        stack.pop(digit, (64, 1))
    stack.rewind(saved)
    return stack.digest() == before


def test_no_pop_writes_a_word() -> None:
    assert pops_write_nothing("numba", 60)


def test_no_pop_writes_a_word_in_triton() -> None:
    pytest.importorskip("triton")
    code = "from tests.bits.test_saved import *; assert pops_write_nothing('triton', 60)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=Path(__file__).resolve().parents[2],
        env={**os.environ, "TRITON_INTERPRET": "1"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


@STACKS
@pytest.mark.parametrize("words", [False, True])
def test_after_pushes(mode: Mode, sequences: int, lanes: int, words: bool) -> None:
    stack = BitStack(sequences, lanes, seed=3, mode=mode)
    shape = (sequences, 60)
    drawn = [(model, stack.pop(model, shape)) for model in models(sequences, 1)]
    before, saved = stack.digest(), stack.save(words)
    for model, symbols in reversed(drawn):
        stack.push(symbols, model)
    assert bool(stack.untouched().all())
    for model in models(sequences, 4):
        stack.push(BitStack(sequences, seed=5).pop(model, shape), model)
    stack.rewind(saved)
    assert stack.digest() == before
    for model, symbols in reversed(drawn):
        stack.push(symbols, model)
    assert bool(stack.untouched().all())


@STACKS
def test_after_anything_with_words(mode: Mode, sequences: int, lanes: int) -> None:
    stack = BitStack(sequences, lanes, seed=4, mode=mode)
    mixed(stack, 60)
    before, saved = stack.digest(), stack.save(words=True)
    for seed in range(4):
        mixed(stack, 40, seed + 1)
        stack.rewind(saved)
        assert stack.digest() == before


def test_bounds_are_those_of_the_state() -> None:
    stack = BitStack(1, 2)
    stack.push(torch.zeros(1, 5000, dtype=torch.int64), Uniform(1 << 16))
    saved = stack.save()
    stack.pop(Uniform(1 << 16), (1, 5000))
    stack.rewind(saved)
    state, bounds = stack.engine.state, stack.engine.bounds
    assert bounds.low <= int(state.fill.min())
    assert int(state.fill.max()) <= bounds.high <= state.capacity


def test_what_may_have_been_written_over_is_not_returned_to() -> None:
    stack = BitStack(2, 3)
    model = Uniform(1 << 16)
    symbols = torch.arange(120).reshape(SHAPE)
    stack.push(symbols, model)
    saved = stack.save()
    stack.pop(model, SHAPE)
    stack.push(symbols[:, :30] + 1, model)
    before = stack.digest()
    with pytest.raises(LaneError, match=r"save\(words=True\)"):
        stack.rewind(saved)
    assert stack.digest() == before


def test_a_pop_that_was_pushed_back_is_no_move() -> None:
    stack = BitStack(2, 3)
    model = Uniform(1 << 16)
    stack.push(torch.arange(120).reshape(SHAPE), model)
    before, saved = stack.digest(), stack.save()
    stack.push(stack.pop(model, (2, 40)), model)
    stack.rewind(saved)
    assert stack.digest() == before
    stack.pop(model, SHAPE)
    with pytest.raises(LaneError, match="written over"):
        stack.rewind(saved)


def test_scaling_needs_words() -> None:
    stack = BitStack(2, 3)
    x, n = torch.arange(120).reshape(SHAPE).int(), torch.full(SHAPE, 300)
    y = stack.scale(x, n, 9)
    cheap, whole, before = stack.save(), stack.save(words=True), stack.digest()
    stack.unscale(y, n, 9)
    with pytest.raises(LaneError, match="written over"):
        stack.rewind(cheap)
    stack.rewind(whole)
    assert stack.digest() == before


def test_each_sequence_is_compared_on_its_own() -> None:
    stack = BitStack(3, 2)
    stack.push(torch.full((3, 9), 5), Uniform(9))
    saved, words = stack.save(), stack.save(words=True)
    stack.push(torch.tensor([[0], [7], [0]]), Table(torch.tensor([65529, 1, 1, 1, 1, 1, 1, 1])))
    assert stack.is_at(saved).tolist() == [False] * 3
    stack.rewind(saved)
    row = torch.tensor([[0], [1], [0]], dtype=torch.int32)
    cdf = torch.tensor([[0, 65536, 65536], [0, 32768, 65536]], dtype=torch.int32)
    ops.push_rows(stack.token, torch.zeros(3, 1, dtype=torch.int64), cdf, row)
    assert stack.is_at(saved).tolist() == [True, False, True]
    assert stack.is_at(words).tolist() == [True, False, True]


def test_words_are_compared_where_they_were_copied() -> None:
    stack = BitStack(2, 1)
    stack.push(torch.zeros(2, 50, dtype=torch.int64), Uniform(1 << 16))
    cheap, whole = stack.save(), stack.save(words=True)
    stack.engine.state.words[3, 1] += 1
    assert stack.is_at(cheap).tolist() == [True, True]
    assert stack.is_at(whole).tolist() == [True, False]


def test_states_of_other_stacks() -> None:
    stack, twin = BitStack(2, 3, seed=1), BitStack(2, 3, seed=1)
    saved = stack.save()
    assert bool(twin.is_at(saved).all())
    with pytest.raises(LaneError, match="another stack"):
        twin.rewind(saved)
    assert not bool(BitStack(2, 3, seed=2).is_at(saved).any())
    with pytest.raises(LaneError, match="6 lanes"):
        BitStack(2, 4).is_at(saved)


def test_spilled_words_stay_where_they_are() -> None:
    stack = BitStack(1, 2)
    early = stack.save()
    stack.spill_to(HostSpill(4))
    stack.push(torch.zeros(1, 500, dtype=torch.int64), Uniform(1 << 16))
    saved = stack.save()
    for state in (early, saved):
        with pytest.raises(LaneError, match="spill store cannot be rewound"):
            stack.rewind(state)
    with pytest.raises(LaneError, match="cannot be copied"):
        stack.save(words=True)
    assert bool(stack.is_at(saved).all())
    stack.pop(Uniform(1 << 16), (1, 400))
    assert not bool(stack.is_at(saved).any())
    stack.pop(Uniform(1 << 16), (1, 100))
    assert bool(stack.is_at(early).all())
