"""A training step of a planned module: run with numbers and without."""

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeCopyMode, FakeTensorMode

from revc.planning.held import Held
from revc.planning.modules.attributes import kept
from revc.planning.modules.costs import add_gradients
from revc.planning.modules.loss import loss
from revc.planning.modules.values import like, tensors
from revc.planning.workspace import peak_of


def train(module: nn.Module, args: Sequence[Any]) -> None:
    """Run forwards, and backwards from gradients that take as much memory as the results.

    The results are held to the end, as the frame of a training loop does.
    """
    out = module(*args)
    end = loss(out)
    if end is not None:
        end.backward()
    del out


def _device(modules: Sequence[nn.Module]) -> torch.device | None:
    """Return where the parameters of modules are."""
    return next((p.device for one in modules for p in one.parameters()), None)


@contextmanager
def without_numbers(modules: Sequence[nn.Module], args: Sequence[Any]) -> Iterator[Any]:
    """Give copies of modules and inputs that have shapes alone, and a mode in which they run."""
    mode = FakeTensorMode(allow_non_fake_inputs=True)
    with FakeCopyMode(mode):
        twins = copy.deepcopy(list(modules))
    with mode:
        yield twins, like(tuple(args), _device(modules))


def counted(module: nn.Module, args: Sequence[Any]) -> int:
    """Return the bytes that a step of a module without numbers holds at most."""
    add_gradients([*module.parameters(), *tensors(args)])
    with Held() as held, torch.enable_grad():
        train(module, args)
    return held.peak


def measured(module: nn.Module, args: Sequence[Tensor], device: torch.device) -> int:
    """Return the bytes that the allocator holds at most in a step, with gradients to add to.

    The module is given back as it was: gradients, buffers, and random numbers.
    """
    with untouched(module, device):
        add_gradients([*module.parameters(), *tensors(args)])
        train(module, args)  # first runs allocate what later ones find
        return peak_of(lambda: train(module, args), device)


@contextmanager
def untouched(module: nn.Module, device: torch.device) -> Iterator[None]:
    """Give a module back with the gradients and state that it had, and torch its random state."""
    grads = [parameter.grad for parameter in module.parameters()]
    owners = [
        (child, name, buffer, None if buffer is None else buffer.detach().clone())
        for child in module.modules()
        for name, buffer in child._buffers.items()
    ]
    for parameter in module.parameters():
        parameter.grad = None
    devices = [device] if device.type == "cuda" else []
    try:
        with kept(module), torch.random.fork_rng(devices=devices), torch.enable_grad():
            yield
    finally:
        for parameter, grad in zip(module.parameters(), grads, strict=True):
            parameter.grad = grad
        for child, name, buffer, before in owners:
            child._buffers[name] = buffer
            if buffer is not None and before is not None:
                buffer.data.copy_(before)
