"""Two models that should be one: what they give, bit for bit."""

from collections.abc import Mapping

import torch
from torch import Tensor

from revc.runtime.model import ReversibleModel
from tests.model.laws import gradients, weighted

_PLACES = torch.arange(15).reshape(3, 5)
TOKENS = {"tokens": _PLACES * 3 % 11, "targets": _PLACES * 7 % 11}


def everything(model: ReversibleModel, inputs: Mapping[str, Tensor]) -> list[Tensor]:
    """Return results, emits, raw state, gradients and the inverse's inputs."""
    own = {
        name: value.clone().requires_grad_() if value.is_floating_point() else value
        for name, value in inputs.items()
    }
    leaves = [value for value in own.values() if value.requires_grad]
    leaves += [param for param in model.parameters() if param.requires_grad]
    out = model(**own)
    found = [*out, *out.state[0]]
    found += gradients(weighted(out._asdict()), leaves)
    back = model.inverse(out)
    return found + list(back if isinstance(back, tuple) else (back,))


def assert_same(one: list[Tensor], other: list[Tensor]) -> None:
    """Check that two lists of tensors agree in every bit."""
    assert len(one) == len(other)
    for left, right in zip(one, other, strict=True):
        assert left.dtype == right.dtype
        assert torch.equal(left, right)
