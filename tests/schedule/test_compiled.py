"""Segments that are compiled on their own, saved: the bits of those that rebuild their input."""

from typing import Any

import pytest
import torch
from torch import nn

from tests.model import specs
from tests.model.made import make
from tests.model.test_laws import BODIES, PAIR
from tests.schedule.schedules import MIXED, inputs_of, pulled, same


def check(model: nn.Module, schedules: list[Any]) -> None:
    values = inputs_of(model)
    for segment in model.segments:  # type: ignore[union-attr]
        segment.compile(backend="aot_eager")
    wanted, grads = pulled(model, values)
    for schedule in schedules:
        model.schedule = schedule  # type: ignore[assignment]
        found, mine = pulled(model, values)
        assert same([*wanted], [*found]), schedule
        assert same(grads, mine), schedule


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())
def test_the_code_of_every_statement_has_the_bits_of_a_run_that_inverts(
    body: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch, "compile", lambda graph, **_: graph)  # the code as a compiler has it
    check(make(specs.HEAD + PAIR.format(body)), ["save"])


def test_what_a_compiler_makes_of_it_too(fresh_dynamo: None) -> None:
    model = make(MIXED)
    count = len(model.steps(model.interface.measure(inputs_of(model))))
    some = ["save" if at % 2 else "invert" for at in range(count)]
    check(model, ["save", some])
