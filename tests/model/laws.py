"""The laws that every compiled program obeys, checked against the oracle."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from revc.runtime.model import ReversibleModel
from tests.model.reference import Reference


def randomize(model: ReversibleModel, scale: float = 0.3) -> None:
    """Give every parameter a value that matters: zeros and ones would hide wrong gradients."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for param in model.parameters():
            noise = torch.randn(param.shape, generator=generator, dtype=param.dtype)
            param.add_(noise * scale / max(1, param.shape[-1]) ** 0.5)


def weighted(outputs: Mapping[str, Tensor]) -> Tensor:
    """Return a loss in which every output element has a weight of its own."""
    total = torch.zeros((), dtype=torch.float64)
    for number, value in enumerate(v for v in outputs.values() if v.is_floating_point()):
        weights = torch.linspace(-1, 1, value.numel(), dtype=torch.float64) + 0.1 * number
        total = total + (value.double().flatten() * weights).sum()
    return total


def gradients(loss: Tensor, leaves: list[Tensor]) -> list[Tensor]:
    """Return the gradients of leaves; zeros where the loss does not depend on one."""
    found = torch.autograd.grad(loss, leaves, allow_unused=True)
    return [torch.zeros_like(x) if g is None else g for x, g in zip(leaves, found, strict=True)]


def check_laws(model: ReversibleModel, tolerance: float = 1e-9, **inputs: Tensor) -> Any:
    """Check in float64: values and gradients against the oracle, and the inverse bit for bit."""
    model = model.double()
    if not leaves_of(model):
        tolerance = 4e-6  # without nets there is no dtype but float32 to compute in
    inputs = {
        name: x.double().requires_grad_() if x.is_floating_point() else x
        for name, x in inputs.items()
    }
    leaves = [x for x in inputs.values() if x.requires_grad]
    leaves += leaves_of(model)
    out = model(**inputs)
    mine = gradients(weighted(out._asdict()), leaves)
    program = model.graphs.program
    wanted = Reference(program, model.net_modules())(**inputs)
    theirs = gradients(weighted(wanted), leaves)
    for name, value in out._asdict().items():
        torch.testing.assert_close(
            value, wanted[name].to(value.dtype), atol=tolerance, rtol=tolerance
        )
    for one, other in zip(mine, theirs, strict=True):
        torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-4)
    check_inverse(model, out, inputs)
    return out


def leaves_of(model: ReversibleModel) -> list[Tensor]:
    """Return the parameters that want gradients."""
    return [p for p in model.parameters() if p.requires_grad]


def check_inverse(model: ReversibleModel, out: Any, inputs: Mapping[str, Tensor]) -> None:
    """Check that `inverse` gives the inputs back, and that they lead to the same bits again."""
    back = model.inverse(out)
    back = back if isinstance(back, tuple) else (back,)
    names = [slot.name for slot in model.interface.takes]
    again = model(**{**inputs, **dict(zip(names, back, strict=True))})
    for one, other in zip(out.state[0], again.state[0], strict=True):
        assert torch.equal(one, other)
    for name, value in zip(names, back, strict=True):
        torch.testing.assert_close(value.double(), inputs[name].double(), atol=2e-5, rtol=1e-6)
