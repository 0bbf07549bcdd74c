"""Export to one flat buffer, and import from it."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from revc.runtime.bits import BitStack, Mode
from revc.runtime.bits.constants import UNIT
from revc.runtime.bits.dist import Table, Uniform
from revc.runtime.bits.errors import BitsError, DamagedTapeError
from tests.bits.laws import LAW

TABLE = Table.from_counts(torch.arange(100))


@LAW
@given(
    st.integers(0, 4), st.sampled_from([1, 3, 32]), st.integers(0, 300), st.integers(0, 300),
    st.sampled_from(list(Mode)), st.integers(0, (1 << 63) - 1),
)  # fmt: skip
def test_load_gives_the_exported_stack(
    sequences: int, lanes: int, pushed: int, popped: int, mode: Mode, seed: int
) -> None:
    stack = BitStack(sequences, lanes, seed, mode=mode)
    generator = torch.Generator().manual_seed(seed)
    stack.pop(TABLE, (sequences, popped))
    stack.push(torch.randint(0, 100, (sequences, pushed), generator=generator), TABLE)
    flat = stack.export()
    twin = BitStack.load(flat)
    assert torch.equal(twin.export(), flat)
    assert torch.equal(twin.size(), stack.size())
    assert (twin.seed, twin.mode, twin.lanes) == (seed, mode, lanes)
    more = pushed + popped + 50
    assert torch.equal(stack.pop(TABLE, (sequences, more)), twin.pop(TABLE, (sequences, more)))


def test_size_of_an_export() -> None:
    stack = BitStack(4, 8)
    stack.push(torch.randint(0, 100, (4, 5000)), Uniform(100))
    words = int(stack.engine.state.fill.sum())
    assert stack.export().numel() == 20 + 32 * (6 + 4) + 2 * words
    assert int(stack.physical().sum()) // UNIT == 16 * words + 64 * 32


@pytest.mark.parametrize("lost", [1, 2, 5, 100])
def test_short_and_long_buffers(lost: int) -> None:
    stack = BitStack(2, 3)
    stack.push(torch.randint(0, 100, (2, 500)), Uniform(100))
    flat = stack.export()
    with pytest.raises(DamagedTapeError):
        BitStack.load(flat[:-lost])
    with pytest.raises(DamagedTapeError):
        BitStack.load(torch.cat([flat, flat[:lost]]))


def test_other_tensors_are_refused() -> None:
    with pytest.raises(DamagedTapeError, match="uint8"):
        BitStack.load(torch.zeros(100))
    with pytest.raises(BitsError):
        BitStack.load(torch.zeros(100, dtype=torch.uint8))


def test_clones_are_independent() -> None:
    stack = BitStack(2)
    stack.push(torch.randint(0, 100, (2, 500)), Uniform(100))
    twin, digest = stack.clone(), stack.digest()
    twin.pop(Uniform(100), (2, 100))
    assert stack.digest() == digest != twin.digest()
