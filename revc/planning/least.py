"""The least memory that a schedule of a program needs, for lint: a step without its numbers."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from revc.codegen.compile import assemble, make_nets
from revc.codegen.imports import check_imports
from revc.codegen.supported import refuse_unsupported
from revc.errors import BindError
from revc.ir.program import Program
from revc.passes.transform.pipeline import run_pipeline
from revc.planning.costs import costs_of
from revc.planning.lowest import UNCOUNTED, lowest
from revc.planning.step import Steps
from revc.runtime.model import ReversibleModel
from revc.runtime.sizes import evaluate


def least_of(allowed: Sequence[str] | None) -> Callable[[Program], tuple[int, str] | None]:
    """Return what tells the least memory of programs, whose nets come from `allowed` alone.

    It gives bytes and the segment that sets them, without what kernels and stacks of bits hold
    themselves, of which the latter is said; None of a program whose memory cannot be planned: it
    has nets that Python binds.
    """

    def least(program: Program) -> tuple[int, str] | None:
        program = run_pipeline(program)
        try:
            check_imports(program, allowed)
            refuse_unsupported(program)
            model = assemble(program, make_nets(program, {}))
            costs = costs_of(Steps(model, zeros_for(model)))
        except BindError:
            return None
        found = lowest(costs)
        about = f" ({UNCOUNTED})" if model.interface.plan else ""
        return found.step.peak, found.name + about

    return least


def inputs_for(model: ReversibleModel, device: torch.device | None = None) -> dict[str, Tensor]:
    """Return inputs for a model whose sizes are all bound: zeros, or, where bits are exchanged,
    normal numbers and labels of all classes, as tapes are filled by what the numbers are.

    Raises:
        BindError: a size is free.
    """
    values = zeros_for(model, device)
    made = torch.Generator().manual_seed(0)
    for slot in model.interface.entries if model.interface.plan else ():
        value = values[slot.name]
        if slot.kind == "label":
            classes = round(evaluate(slot.classes, {}) or 1)
            drawn = torch.randint(classes, value.shape, generator=made)
        else:
            drawn = torch.randn(value.shape, generator=made)
            drawn = drawn.round() if slot.kind == "lattice" and not slot.fraction_bits else drawn
        value.copy_(drawn)
    return values


def zeros_for(model: ReversibleModel, device: torch.device | None = None) -> dict[str, Tensor]:
    """Return inputs for a model whose sizes are all bound, of which nobody reads the numbers.

    Raises:
        BindError: a size is free.
    """
    at = model.interface
    if at.sizes:
        raise BindError(f"a plan needs all sizes: bind them, as in -D {at.sizes[0]}=8")
    values = {}
    for slot in at.entries:
        kind = torch.int64 if slot.kind == "label" else torch.float32
        shape = [round(evaluate(dim, {}) or 0) for dim in slot.shape]
        values[slot.name] = torch.zeros(shape, dtype=kind, device=device)
    return values
