"""Below the floor: debt, its repayment, and what happens when something else is pushed there."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from revc.runtime.bits import BitStack, Mode
from revc.runtime.bits.constants import UNIT
from revc.runtime.bits.dist import Uniform, raw_bits
from revc.runtime.bits.errors import FloorError
from revc.runtime.bits.reference import floor_word
from tests.bits.laws import LAW


def test_a_fresh_stack_is_untouched_and_owes_nothing() -> None:
    stack = BitStack(3)
    assert bool(stack.untouched().all())
    assert stack.debt().tolist() == [0, 0, 0]


@LAW
@given(st.integers(0, (1 << 63) - 1), st.integers(1, 5), st.integers(1, 200), st.booleans())
def test_draw_and_return(seed: int, lanes: int, count: int, fast: bool) -> None:
    stack = BitStack(2, lanes, seed, mode=Mode.FAST if fast else Mode.WIDE)
    before = stack.size()
    drawn = stack.pop(raw_bits(16), (2, count))
    assert stack.debt().tolist() == [count, count]
    drift = (stack.size() - before + 16 * count * UNIT).abs()
    assert (drift <= 2 + (UNIT * count >> 15) if not fast else drift < 2 * UNIT).all()
    assert not bool(stack.untouched().any())
    stack.push(drawn, raw_bits(16))
    assert bool(stack.untouched().all())


def test_drawn_words_are_those_of_the_generator() -> None:
    stack = BitStack(1, lanes=1, seed=77)
    drawn = stack.pop(raw_bits(16), (1, 40))[0].tolist()[::-1]
    assert drawn == [floor_word(77, 0, 0, 1), *(floor_word(77, 0, i) for i in range(39))]


def test_what_does_not_match_the_floor_is_stored_above_the_debt() -> None:
    stack = BitStack(1, lanes=1)
    drawn = stack.pop(raw_bits(16), (1, 10))
    changed = drawn ^ 1
    stack.push(changed, raw_bits(16))
    assert stack.debt().tolist()[0] >= 8, "a mismatch leaves the debt, for all to see"
    assert not bool(stack.untouched().any())
    assert torch.equal(stack.pop(raw_bits(16), (1, 10)), changed)
    stack.push(drawn, raw_bits(16))
    assert bool(stack.untouched().all())


def test_seeds_and_lanes_differ() -> None:
    draws = {
        tuple(BitStack(2, 2, seed).pop(Uniform(1000), (2, 8)).flatten().tolist())
        for seed in range(20)
    }
    assert len(draws) == 20
    block = BitStack(50, 1, 3).pop(raw_bits(16), (50, 4))
    assert block[:, 0].unique().numel() > 45


def test_a_sequence_does_not_depend_on_its_neighbours() -> None:
    one, two = BitStack(2, 4), BitStack(2, 4)
    symbols = torch.randint(0, 99, (2, 100))
    other = symbols.clone()
    other[1] = 98 - other[1]
    one.push(symbols, Uniform(99))
    two.push(other, Uniform(99))
    state, twin = one.engine.state, two.engine.state
    assert torch.equal(state.heads[:4], twin.heads[:4])
    assert not torch.equal(state.heads[4:], twin.heads[4:])


def test_export_refuses_words_that_a_push_would_have_repaid() -> None:
    stack = BitStack(1, lanes=1, seed=5)
    drawn = stack.pop(raw_bits(16), (1, 10))
    stack.push(drawn ^ 1, raw_bits(16))
    state = stack.engine.state
    owed = floor_word(5, 0, int(state.debt[0]) - 1)
    state.words[1, 0] = owed - (1 << 16) if owed >= 1 << 15 else owed
    with pytest.raises(FloorError):
        BitStack.load(stack.export())
