"""What kernels hold themselves while they run, which a step without numbers cannot see."""

import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from revc.errors import BindError
from revc.planning.exchanges import Moves, measured_moves
from revc.planning.meter import marked_peaks, trace
from revc.planning.step import Steps, train
from revc.runtime.model import ReversibleModel
from revc.runtime.schedule import Wish


def workspace(model: ReversibleModel, values: Mapping[str, Tensor], steps: Steps) -> int:
    """Return how much more a step holds than is counted, in bytes, where it inverts everywhere."""
    return max(0, step_bytes(model, values, "invert") - steps("invert").peak)


def step_bytes(model: ReversibleModel, values: Mapping[str, Tensor], schedule: Wish) -> int:
    """Return the most bytes that a step of a model holds under a schedule, measured.

    The step is run twice, on copies of `values`; the model, its gradients among it, stays as it is.
    """
    copies = copies_of(values)
    with untouched(model, schedule):
        train(model, copies)  # first runs allocate what later ones find
        return peak_of(lambda: train(model, copies), device_of(values))


def moves_of(model: ReversibleModel, values: Mapping[str, Tensor]) -> Moves:
    """Return what each move of bits holds in a step of a model, none if it exchanges no bits.

    The step is run twice, as in `workspace`. On an accelerator the moves are not told apart: what
    they hold is in the workspace.

    Raises:
        BindError: the inputs do not fit, or the model's runs are deployed.
    """
    if not model.interface.plan or device_of(values).type != "cpu":
        return ()
    refuse_deployed(model)
    copies = copies_of(values)
    with untouched(model, "invert"):
        train(model, copies)
        return measured_moves(lambda: train(model, copies))


def refuse_deployed(model: ReversibleModel) -> None:
    """Refuse runs that no backward pass takes back.

    Raises:
        BindError: the model's runs are deployed.
    """
    if model.interface.plan and model.bits.mode == "deployed":
        raise BindError(
            f"runs of {model.interface.name} are deployed, which nothing undoes: to plan its "
            'training, set model.bits.mode = "lossless"'
        )


def copies_of(values: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return copies of inputs, which want gradients where these do."""
    return {
        name: value.detach().clone().requires_grad_(value.requires_grad)
        for name, value in values.items()
    }


def device_of(values: Mapping[str, Tensor]) -> torch.device:
    """Return the device of inputs."""
    return next((value.device for value in values.values()), torch.device("cpu"))


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


def peaks_of(
    first: Callable[[], object], second: Callable[[], object], device: torch.device
) -> tuple[int, int]:
    """Return the most bytes held in each of two calls, beside what was held before the first."""
    if device.type == "cuda":
        before = torch.cuda.memory_allocated(device)
        one = peak_of(first, device)
        left = torch.cuda.memory_allocated(device) - before
        return one, peak_of(second, device) + left

    def run() -> None:
        first()
        with torch.profiler.record_function(_SECOND):
            pass
        second()

    (_, one), (_, other) = marked_peaks(run, _SECOND)
    return one, other


_SECOND = "revc: the second call"


@contextmanager
def untouched(model: ReversibleModel, wish: Wish) -> Iterator[None]:
    """Let a model follow a schedule, with gradients to add to, and give it back as it was.

    Its runs have the same bits then, whatever the generator holds; a tape that streams to a file
    has one of its own.
    """
    schedule, grads = model.schedule, [parameter.grad for parameter in model.parameters()]
    model.schedule = wish
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter) if parameter.requires_grad else None
    bits, folder = model.stacks.settings, tempfile.TemporaryDirectory()
    spill = bits.spill if bits.spill in (None, "host") else Path(folder.name) / "tape"
    model.stacks.settings = replace(bits, seed=bits.seed or 0, spill=spill)
    try:
        yield
    finally:
        model.stacks.settings = bits
        folder.cleanup()
        model.schedule = schedule
        for parameter, grad in zip(model.parameters(), grads, strict=True):
            parameter.grad = grad
