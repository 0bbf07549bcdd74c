"""What is done to a module between the passes: the gradients of the forward pass, or an error."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

import revc
from revc.errors import ReconstructionError
from tests.capture.test_settings import SPEC, Scaled
from tests.capture.test_standing import CASES as STANDING

pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")

CASES = STANDING | {
    "a number": (lambda: Scaled(1.0, float), lambda net: setattr(net, "held", 2.0)),
    "a parameter less": (lambda: nn.Linear(2, 2), lambda net: setattr(net, "bias", None)),
    "a part more": (
        lambda: nn.Sequential(nn.Linear(2, 2)), lambda net: net.append(nn.Linear(2, 2)),
    ),
}  # fmt: skip


def gradients(out: Any, leaves: list[Tensor]) -> list[Tensor]:
    loss = out.a.square().sum()
    return [*torch.autograd.grad(loss, leaves, retain_graph=True, materialize_grads=True)]


@pytest.mark.parametrize("capture", ["auto", "never"])
@pytest.mark.parametrize("schedule", ["invert", "save"])
@pytest.mark.parametrize("state", ["lattice(Q12.20)", "float32"])
@pytest.mark.parametrize("name", CASES)
def test_gradients_are_those_of_before_or_an_error(
    name: str, state: str, schedule: Any, capture: Any
) -> None:
    torch.manual_seed(0)
    make, change = CASES[name]
    net = make()
    spec = SPEC.replace("lattice(Q12.20)", state)
    model = revc.compile(spec, nets={"F": net}, capture=capture, schedule=schedule)
    b = torch.randn(3, 2, requires_grad=True)
    out, leaves = model(torch.zeros(3, 2), b), [b, *net.parameters()]
    wanted = gradients(out, leaves)
    change(net)
    try:
        found = gradients(out, leaves)
    except ReconstructionError:
        assert schedule == "invert"
    else:
        assert all(map(torch.equal, found, wanted))
