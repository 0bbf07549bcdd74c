"""Models under several schedules, and what is compared of their runs."""

import copy
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.flops import FlopCounter
from revc.runtime.model import ReversibleModel
from tests.model import specs
from tests.model.laws import gradients, weighted
from tests.model.made import make
from tests.schedule import actions

MIXED = (
    specs.HEAD
    + """
block Layer(a, b: [B, T, d], given u: [B, T, d]) {
  a += linear(norm(b)) * u
  b += mlp(norm(a), width = 12)
}
model Net(a, b: [B, T, d], given u: [B, T, d]) -> (a, b: [B, T, d]) {
  first: Layer(a, b, u)
  let h = tanh(linear(b))
  a += h
  a -= h * h
  emit middle = linear(a)
  repeat 3 as t {
    Layer(a, b, u)
    emit each = linear(b)
  }
  swap a, b
  repeat 2 {
    alloc z: [B, T, d] = 0.5
    repeat 2 share { a += linear(b) * z }
    free z = 0.5
  }
  uncall first(a, b, u)
}
"""
)


Pair = tuple[ReversibleModel, ReversibleModel]


def both(schedule: list[str], source: str = specs.LAYERS) -> Pair:
    """Return a model under a schedule, and its twin that inverts."""
    model = make(source)
    twin = copy.deepcopy(model)
    model.schedule = schedule
    return model, twin


def inputs_of(model: ReversibleModel, grad: bool = True) -> dict[str, Tensor]:
    """Return inputs of shape [3, 5, 8] for a model of float registers and givens."""
    made = torch.Generator().manual_seed(2)
    names = [slot.name for slot in model.interface.entries]
    return {n: torch.randn(3, 5, 8, generator=made).requires_grad_(grad) for n in names}


def plans_of(model: ReversibleModel, values: Mapping[str, Tensor]) -> list[Any]:
    """Return the plan of each segment that a run passes."""
    return [step.segment.plan for step in model.steps(model.interface.measure(values))]


def schedules(
    model: ReversibleModel, values: Mapping[str, Tensor], count: int, seed: int = 0
) -> Iterator[list[str]]:
    """Yield the schedule that saves all that can be, that which keeps every value, random ones."""
    return actions.schedules(plans_of(model, values), count, seed)


def pulled(
    model: ReversibleModel,
    values: Mapping[str, Tensor],
    loss: Callable[[Any], Tensor] | None = None,
) -> tuple[Any, list[Tensor]]:
    """Run a model; return its result, and the gradients of inputs and parameters."""
    out = model(**values)
    leaves = [x for x in (*values.values(), *model.parameters()) if x.requires_grad]
    total = weighted(out._asdict()) if loss is None else loss(out)
    return out, gradients(total, leaves)


def same(one: list[Tensor], other: list[Tensor]) -> bool:
    """Say whether two lists of tensors agree in every bit."""
    return all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


def flops(module: nn.Module, values: Mapping[str, Tensor]) -> int:
    """Return the counted operations of a step, forward and backward."""
    with FlopCounter() as counter:
        out = module(**values)
        sum(value.sum() for value in out).backward()
    return counter.total
