"""What kernels hold themselves while they run, which a step without numbers cannot see."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor

from revc.planning.meter import trace
from revc.planning.step import fake_step, train
from revc.runtime.model import ReversibleModel
from revc.runtime.schedule import Wish


def workspace(model: ReversibleModel, values: Mapping[str, Tensor]) -> int:
    """Return how much more a step holds than is counted, in bytes, where it inverts everywhere.

    The step is run twice, on copies of `values`; the model, its gradients among it, stays as it is.

    Raises:
        BindError: the inputs do not fit, or the model exchanges bits.
    """
    counted = fake_step(model, values, "invert").peak
    copies = {
        name: value.detach().clone().requires_grad_(value.requires_grad)
        for name, value in values.items()
    }
    device = next((value.device for value in values.values()), torch.device("cpu"))
    with untouched(model, "invert"):
        train(model, copies)  # first runs allocate what later ones find
        held = peak_of(lambda: train(model, copies), device)
    return max(0, held - counted)


def peak_of(run: Callable[[], object], device: torch.device) -> int:
    """Return the most bytes that a call allocates at once, on the device."""
    if device.type != "cuda":
        return trace(run).peak
    torch.cuda.synchronize(device)
    before = torch.cuda.memory_allocated(device)
    torch.cuda.reset_peak_memory_stats(device)
    run()
    torch.cuda.synchronize(device)
    return torch.cuda.max_memory_allocated(device) - before


@contextmanager
def untouched(model: ReversibleModel, wish: Wish) -> Iterator[None]:
    """Let a model follow a schedule, with gradients to add to, and give it back as it was."""
    schedule, grads = model.schedule, [parameter.grad for parameter in model.parameters()]
    model.schedule = wish
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter) if parameter.requires_grad else None
    try:
        yield
    finally:
        model.schedule = schedule
        for parameter, grad in zip(model.parameters(), grads, strict=True):
            parameter.grad = grad
