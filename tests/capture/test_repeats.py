"""Modules that compute something else at each call, by what no graph shows: none is frozen."""

import contextvars
import itertools
import os
import random
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import revc
from revc.errors import BindError, ReconstructionError

SPEC = """
dim B, d
state lattice(Q12.20)
model M(a, b: [B, d]) -> (a, b: [B, d]) {
  net F(x: [B, d]) -> [B, d]
  a += F(b)
}
"""
COUNT, GENERATOR = itertools.count(1), np.random.default_rng(0)
SEEN = contextvars.ContextVar("seen", default=1)


class Counter:
    calls = 0

    def __call__(self) -> int:
        self.calls += 1
        return self.calls


COUNTER = Counter()


def _steps() -> Iterator[int]:
    yield from range(1, 1000)


STEPS = _steps()


def _noted() -> int:
    SEEN.set(SEEN.get() + 1)
    return SEEN.get()


class Times(nn.Module):
    """A net that multiplies by what a function gives for what it holds."""

    def __init__(self, factor: Callable[[Any], Any], held: Any = None) -> None:
        super().__init__()
        self.linear, self.factor, self.held = nn.Linear(4, 4), factor, held

    def forward(self, x: Tensor) -> Tensor:
        """Return the product."""
        out: Tensor = self.linear(x) * self.factor(self.held)
        return out


CASES: dict[str, Callable[[], nn.Module]] = {
    "a generator of its own": lambda: Times(lambda own: own.random(), random.Random(0)),
    "one of numpy": lambda: Times(lambda own: float(own.random()), np.random.default_rng(0)),
    "numbers of one": lambda: Times(
        lambda own: torch.from_numpy(own.random(4, dtype=np.float32)), np.random.default_rng(0)
    ),
    "another's": lambda: Times(lambda _: float(GENERATOR.random())),
    "a count": lambda: Times(lambda _: next(COUNT)),
    "an iterator": lambda: Times(lambda _: next(STEPS)),
    "another object": lambda: Times(lambda _: COUNTER()),
    "its context": lambda: Times(lambda _: _noted()),
    "the time": lambda: Times(lambda _: time.perf_counter_ns() % 1_000_003 / 1_000_003),
    "bits of the system": lambda: Times(lambda _: uuid.uuid4().int % 1_000_003 / 1_000_003),
}


def inputs() -> list[Tensor]:
    return [torch.randn(3, 4, requires_grad=True) for _ in range(2)]


@pytest.mark.parametrize("name", CASES)
def test_what_is_other_at_each_call_is_called_and_does_not_rebuild(name: str) -> None:
    model = revc.compile(SPEC, nets={"F": CASES[name]()})
    out = model(*inputs())
    (report,) = model.nets_report()
    assert (report.how, report.why) == ("called", "it computes something else at each call")
    with pytest.raises(ReconstructionError):
        out.a.sum().backward()


def test_what_must_be_captured_is_refused() -> None:
    net = CASES["a count"]()
    model = revc.compile(SPEC, nets={"F": net}, capture="require")
    with pytest.raises(BindError, match="something else at each call"):
        model(*inputs())


def test_constants_that_are_made_anew_are_the_same() -> None:
    table = np.arange(4, dtype=np.float32)
    net = Times(lambda held: torch.tensor([1.0, 2.0, 3.0, 4.0]) + float(held[1]), table)
    model = revc.compile(SPEC, nets={"F": net}, capture="require")
    a, b = inputs()
    torch.testing.assert_close(model(a, b).a, a + net(b))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_environment_is_followed(monkeypatch: pytest.MonkeyPatch, fresh_dynamo: None) -> None:
    net = Times(lambda _: float(os.environ["FACTOR"]) + float(os.getenv("MORE", "0")))
    model = revc.compile(SPEC, nets={"F": net}, capture="require")
    compiled = torch.compile(model, fullgraph=True, backend="eager")
    a, b = inputs()
    for factor, more in ("2", "0"), ("3", "0"), ("3", "5"), ("2", "0"):
        monkeypatch.setenv("FACTOR", factor)
        monkeypatch.setenv("MORE", more)
        for run in (model, compiled):
            torch.testing.assert_close(run(a, b).a, a + net(b))
