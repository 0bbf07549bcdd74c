"""Inputs and options that a model refuses."""

import pytest
import torch

import revc
from revc.errors import BindError
from tests.model.made import COUPLED, make, pair

BAD_INPUTS = {
    "too few": (lambda m, a: m(a), "needs b"),
    "too many": (lambda m, a: m(a, a, a), "takes 2 inputs"),
    "unknown": (lambda m, a: m(a, c=a), "'c' does not fit"),
    "rank": (lambda m, a: m(a[0], a[0]), "the spec says"),
    "size": (lambda m, a: m(a[..., :4], a[..., :4]), "that is 8"),
    "unequal": (lambda m, a: m(a, a[:2]), "that is 3"),
    "integers": (lambda m, a: m(a > 0, a > 0), "pass floats"),
    "no tensor": (lambda m, a: m(1.0, a), "not a tensor"),
    "foreign result": (lambda m, a: m.inverse((a, a)), "inverse takes"),
}


@pytest.mark.parametrize(("call", "message"), BAD_INPUTS.values(), ids=BAD_INPUTS.keys())
def test_bad_inputs(call: object, message: str) -> None:
    with pytest.raises(BindError, match=message):
        call(make(), pair(grad=False)[0])


def test_empty_chunks_are_refused() -> None:
    with pytest.raises(BindError, match="4 chunks of a batch of 3"):
        make(chunks=4)(*pair())


def test_an_empty_input_is_refused() -> None:
    model = revc.compile(COUPLED)
    for shape in ((0, 5, 6), (3, 0, 6)):
        with pytest.raises(BindError, match="nothing in it"):
            model(torch.zeros(shape), torch.zeros(shape))


def test_a_batch_of_one_with_odd_sizes_is_checked() -> None:
    model = revc.compile(
        "use std.nets: conv\ndim B\nstate lattice(Q12.20)\n"
        "model D(x: [B, 2, 3, 3]) -> (x: [B, 2, 3, 3]) {\n  split x -> a, b along 1\n"
        "  a += conv(b, width = 4, layers = 2)\n  join a, b -> x along 1\n}\n"
    )
    x = model.inverse(model(torch.randn(1, 2, 3, 3)))
    assert torch.equal(model.inverse(model(x)), x)
