"""A random program with its models, and what is compared of their runs."""

import copy
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from functools import cached_property
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor, nn

import revc
from revc.ir.nets import Hole
from revc.passes.spec import build
from tests.model.laws import gradients, randomize
from tests.programs.generate import Program


class Case:
    """A program with what several laws ask of it, each made once."""

    def __init__(self, program: Program) -> None:
        self.program = program

    @cached_property
    def ir(self) -> Any:
        return build(self.program.source, nets=None)

    @cached_property
    def holes(self) -> frozenset[str]:
        slots = self.ir.model.nets
        return frozenset(s.source.name for s in slots if isinstance(s.source, Hole))

    def compiled(self, source: str | None = None) -> nn.Module:
        """Return a model as it is when it was compiled; models of one source share their graphs."""
        if source is None:
            return copy.deepcopy(self._compiled)
        torch.manual_seed(self.program.seed)
        nets = self.program.nets(self.holes)
        return revc.compile(source, nets=nets, chunks=self.program.chunks)

    @cached_property
    def _compiled(self) -> nn.Module:
        return self.compiled(self.program.source)

    @cached_property
    def model(self) -> nn.Module:
        """The model, with weights that all matter."""
        model = self.compiled().to(self.program.dtype)
        randomize(model)
        return model

    @property
    def takes(self) -> list[str]:
        return [register.name for register in self.ir.model.takes]

    @property
    def gives(self) -> list[str]:
        return [register.name for register in self.ir.model.gives]

    @property
    def bits(self) -> bool:
        """Whether a run exchanged bits."""
        out = self.run(self.model, self.program.values(self.program.dtype))
        return bool(out.written or out.drawn)

    def run(self, model: nn.Module, values: Mapping[str, Tensor]) -> Any:
        """Run a model with the random bits of its first run."""
        model.bits.seed = 0
        return model(**values)

    def inputs(self) -> dict[str, Tensor]:
        """Return fresh inputs that want gradients."""
        values = self.program.values(self.program.dtype)
        return {n: x.requires_grad_() if x.is_floating_point() else x for n, x in values.items()}


# --- what is compared ---------------------------------------------------------------------------


def lengths(out: Any) -> dict[tuple[str, str], Tensor]:
    """Return a run's code lengths by meter and side."""
    rows = {(name, "put"): bits for name, bits in out.written.items()}
    return rows | {(name, "draw"): bits for name, bits in out.drawn.items()}


def objective(views: Mapping[str, Tensor], rows: Mapping[tuple[str, str], Tensor]) -> Tensor:
    """Return a scalar in which every number of results, emits and code lengths has a weight."""
    made = torch.Generator().manual_seed(5)
    total = torch.zeros((), dtype=torch.float64)
    for value in [*(views[n] for n in sorted(views)), *(rows[r] * 0.1 for r in sorted(rows))]:
        if value.is_floating_point():
            weights = torch.randn(value.shape, generator=made, dtype=torch.float64)
            total = total + (value.double() * weights).sum()
    return total


def pulled(case: Case, model: nn.Module, call: Callable[..., Any] | None = None) -> Any:
    """Return a run, its inputs' and its parameters' gradients."""
    inputs = case.inputs()
    model.bits.seed = 0
    out = (model if call is None else call)(**inputs)
    leaves = [x for x in inputs.values() if x.requires_grad]
    leaves += [p for p in model.parameters() if p.requires_grad]
    total = objective(out._asdict(), lengths(out))
    found = (
        gradients(total, leaves) if total.requires_grad else [torch.zeros_like(x) for x in leaves]
    )
    return out, found


def leaf_names(case: Case, inputs: Mapping[str, Tensor]) -> list[str]:
    names = [n for n, x in inputs.items() if x.requires_grad]
    return names + [n for n, p in case.model.named_parameters() if p.requires_grad]


def traced_once() -> AbstractContextManager[Any]:
    """Fail where Dynamo traces a way back twice, as it does where that asks for strides."""
    rewritten = "torch._dynamo._trace_wrapped_higher_order_op.autograd_function_backward_rewritten"
    return patch(rewritten, side_effect=AssertionError("the way back is traced twice"))
