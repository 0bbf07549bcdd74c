"""Archives of programs whose nets draw: which calls did is in them, and keys are drawn again."""

from typing import Any

import pytest
import torch

import revc
from revc.errors import BindError
from revc.runtime.bits.errors import DamagedTapeError
from revc.runtime.bits.header import encode
from tests.capture.test_random import Dropping
from tests.metered.archives import archive, taken

SPEC = """use std.nets: linear, parameter
dim B
state lattice(Q12.20)
net F(x: [B, 8]) -> [B, 8]
model M(a, b: [B, 8]) {
  repeat 2 { a += F(b) + F(0.5 * b) }
  a -= F(b)
  put a by logistic(linear(b), step = 1/16) as pa
  put b by logistic(parameter([16]), step = 1/16) as pb
}
"""
CALLS = [[0, "F", "add 0"], [0, "F", "add 1"], [1, "F", "add 0"], [1, "F", "add 1"],
         [2, "F", "add 0"]]  # fmt: skip


def packed() -> tuple[Any, list[torch.Tensor], bytes]:
    torch.manual_seed(0)
    model = revc.compile(SPEC, nets={"F": Dropping})
    data = [torch.randn(2, 8) for _ in range(2)]
    return model, data, model.compress(*data)


def test_bytes_have_the_calls_that_drew_and_keys_are_drawn_again() -> None:
    model, data, found = packed()
    assert found == model.compress(*data)
    assert taken(found)[0]["keys"] == CALLS
    for one, other in zip(model.decompress(found), data, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=2**-20)
    with pytest.raises(DamagedTapeError, match="another training mode of nets"):
        model.eval().decompress(found)
    quiet = model.compress(*data)
    assert "keys" not in taken(quiet)[0]
    assert model.decompress(quiet)[0].shape == data[0].shape


def test_no_bytes_are_made_with_numbers_of_torch_s_generators() -> None:
    torch.manual_seed(0)
    model = revc.compile(SPEC, nets={"F": Dropping}, capture="never", rng="replay")
    data = [torch.randn(2, 8) for _ in range(2)]
    with pytest.raises(BindError, match="'F' is called as it is and draws from torch's generators"):
        model.compress(*data)
    assert model.eval().decompress(model.compress(*data))[0].shape == data[0].shape


@pytest.mark.parametrize(
    "calls",
    [
        [[5, "F", "add 0"], *CALLS[1:]],
        [[-1, "F", "add 0"], *CALLS[1:]],
        [[0, "G", "add 0"], *CALLS[1:]],
        [[0, ["F"], "add 0"], *CALLS[1:]],
        [[0, "F", 0], *CALLS[1:]],
        [[0, "F"], *CALLS[1:]],
        CALLS[::-1],  # sound, but not those of the run
        CALLS[1:],
        [],
        {"0": CALLS[0]},
        None,
    ],
)
def test_calls_that_were_not_made_are_refused(calls: Any) -> None:
    model, _, found = packed()
    header, body = taken(found)
    with pytest.raises(DamagedTapeError):
        model.decompress(archive(encode({**header, "keys": calls}), body))
