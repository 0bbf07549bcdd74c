"""Interleaved pushes, pops and scalings of 10,000 steps are undone exactly."""

import pytest

from revc.runtime.bits import BitStack, Mode
from tests.bits.programs import run_and_undo


@pytest.mark.parametrize(
    ("mode", "lanes", "steps"), [(Mode.WIDE, 4, 10_000), (Mode.FAST, 3, 1_000), (Mode.WIDE, 1, 500)]
)
def test_programs_undo(mode: Mode, lanes: int, steps: int) -> None:
    stack = BitStack(2, lanes, seed=lanes, mode=mode)
    start, middle, end = run_and_undo(stack, steps, seed=steps)
    assert start == end
    assert start != middle
    assert bool(stack.untouched().all())


class Forgetful:
    """A stack that loses its seventh push."""

    def __init__(self, stack: BitStack) -> None:
        self.inner, self.pushes = stack, 0

    def __getattr__(self, name: str) -> object:
        return getattr(self.inner, name)

    def push(self, *arguments: object) -> None:
        self.pushes += 1
        if self.pushes != 7:
            self.inner.push(*arguments)  # type: ignore[arg-type]


def test_a_lost_push_is_noticed() -> None:
    with pytest.raises(AssertionError):
        run_and_undo(Forgetful(BitStack(1, 2)), 50, seed=1)  # type: ignore[arg-type]
