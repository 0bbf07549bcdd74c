"""Nets that return what they take, or a view of it: nothing writes over their results."""

from typing import Any

import pytest
import torch

import revc
from tests.capture.test_random import SPEC, STATES, inputs
from tests.capture.zoo import Wrapped


@pytest.mark.parametrize("capture", ["auto", "never"])
@pytest.mark.parametrize("body", ["F(b) + 0.5 * b", "F(b) * tanh(b)", "F(exp(b)) + F(b)"])
@pytest.mark.parametrize(
    "function", [lambda x: x, lambda x: x.mT.contiguous().mT, lambda x: x.flatten().view_as(x)]
)
def test_a_net_may_return_what_it_takes(function: Any, body: str, capture: Any) -> None:
    """As a dropout in evaluation does; its gradient is then the cotangent itself."""
    source = SPEC.split("block")[0] + f"model M(a, b: [B, 4, 8]) {{{{\n  a += {body}\n}}}}\n"
    found = []
    for wrapped_by in (function, torch.clone):
        net = Wrapped(wrapped_by)
        model = revc.compile(source.format(state=STATES[0]), nets={"F": net}, capture=capture)
        a, b = inputs()
        out = model(a, b)
        loss = out.a.square().sum() + out.b.sum()
        found.append([out.a.detach(), *torch.autograd.grad(loss, (a, b))])
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-5)
