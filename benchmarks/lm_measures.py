"""The meters of the language benchmark; each is called in a process of its own."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor, nn

from benchmarks.lm_arms import Reversible, build, parameters
from benchmarks.lm_data import BYTES
from benchmarks.lm_setting import BUDGET, SETTINGS, Setting
from benchmarks.lm_tape import throttle
from revc.planning.meter import trace
from revc.runtime.bits.engine import Engine
from revc.runtime.metered.session import Session

BOOKKEEPING = (
    (Session, "__init__"), (Session, "moved"), (Session, "turn_back"), (Session, "come_forth"),
    (Session, "report_start"), (Session, "finish"), (Engine, "reserve"),
)  # fmt: skip
"""What a tape and a ledger take beside the coder: stacks made, grown, kept, compared and booked."""


def batch(at: Setting, device: str) -> tuple[Tensor, Tensor]:
    """Return tokens and targets; memory and time do not depend on which, so none are fetched."""
    generator = torch.Generator().manual_seed(0)
    found = torch.randint(BYTES, (2, at.batch, at.time), generator=generator).to(device)
    return found[0], found[1]


def count(arm: str, setting: str) -> int:
    """Return how many numbers an arm learns."""
    return parameters(build(arm, SETTINGS[setting]))


def ready(arm: str, at: Setting, device: str, even: bool, chunks: int) -> nn.Module:
    """Return an arm that has run once: tables and kernels are made, a throttle is set."""
    model = build(arm, at, device=device, even=even, chunks=chunks)
    model(*batch(at, device)).backward()
    if arm == BUDGET:
        assert isinstance(model, Reversible)
        throttle(model, at)
        model(*batch(at, device)).backward()
    return model


def peak(arm: str, setting: str, device: str, chunks: int = 1) -> int:
    """Return the most bytes that a step holds, less parameters, inputs and their gradients."""
    at = SETTINGS[setting]
    model, inputs = ready(arm, at, device, True, chunks), batch(at, device)

    def step() -> None:
        model(*inputs).backward()

    if device == "cpu":
        model.zero_grad()
        return trace(step, lambda: [p.grad for p in model.parameters()]).peak
    torch.cuda.synchronize()
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()  # gradients are in it
    step()
    torch.cuda.synchronize()
    return torch.cuda.max_memory_allocated() - before


def step_seconds(arms: list[str], setting: str, device: str) -> dict[str, list[float]]:
    """Return the times of each arm's steps; the arms take turns.

    Mlps are as wide in every arm, so that the arms differ by what their names say.
    """
    at = SETTINGS[setting]
    made = {arm: ready(arm, at, device, False, 1) for arm in arms}
    inputs = batch(at, device)
    times: dict[str, list[float]] = {arm: [] for arm in arms}
    for _ in range(at.rounds):
        for arm, model in made.items():
            times[arm].append(timed(model, inputs))
    return times


def timed(model: nn.Module, inputs: tuple[Tensor, Tensor]) -> float:
    """Return the seconds of a step that starts without gradients; on the CPU, the process's."""
    model.zero_grad()
    cuda = inputs[0].is_cuda
    clock = time.perf_counter if cuda else time.process_time
    if cuda:
        torch.cuda.synchronize()
    start = clock()
    model(*inputs).backward()
    if cuda:
        torch.cuda.synchronize()
    return clock() - start


def bookkeeping(arm: str, setting: str) -> list[tuple[float, float]]:
    """Return, of each of some steps on the CPU, its seconds and those of `BOOKKEEPING`."""
    at = SETTINGS[setting]
    model, inputs = ready(arm, at, "cpu", False, 1), batch(at, "cpu")
    found = []
    for _ in range(at.rounds):
        model.zero_grad()
        with _watched() as spent:
            start = time.perf_counter()
            model(*inputs).backward()
            found.append((time.perf_counter() - start, sum(spent)))
    return found


@contextmanager
def _watched() -> Iterator[list[float]]:
    """Collect the seconds of every call of `BOOKKEEPING`, none of which calls another."""
    spent: list[float] = []
    with ExitStack() as stack:
        for owner, name in BOOKKEEPING:
            stack.enter_context(patch.object(owner, name, _timer(getattr(owner, name), spent)))
        yield spent


def _timer(call: Callable[..., Any], spent: list[float]) -> Callable[..., Any]:
    def timed(*arguments: Any, **named: Any) -> Any:
        start = time.perf_counter()
        try:
            return call(*arguments, **named)
        finally:
            spent.append(time.perf_counter() - start)

    return timed
