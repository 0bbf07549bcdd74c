"""Schedules of models, whose sizes are all bound, for a budget: `revc plan`, `revc compile`."""

import json
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

import typer

from revc.errors import BindError, ScheduleError

if TYPE_CHECKING:
    from torch import Tensor

    from revc.runtime.interface import Interface


def planned(
    spec: str, model: str | None, dims: dict[str, int], budgets: Sequence[int], as_json: bool
) -> bool:
    """Print a schedule for each budget; return whether all can be met.

    Raises:
        BindError: a size is not bound, or the model exchanges bits.
    """
    # Read as torch is imported: else its profiler tells the terminal of every start.
    os.environ.setdefault("KINETO_LOG_LEVEL", "6")
    from revc.codegen.compile import compile
    from revc.planning import report
    from revc.planning.plan import plan

    made = compile(spec, model=model, dims=dims)
    values = _inputs(made.interface)
    met, objects = True, []
    for memory in budgets:
        try:
            found = plan(made, memory=memory, inputs=values)
        except ScheduleError as error:
            met = False
            typer.echo(f"error: {made.interface.name}: {error}", err=True)
            objects.append({"memory": memory, "schedule": None, "error": str(error)})
            continue
        objects.append(report.as_object(found))
        if not as_json:
            typer.echo(f"{made.interface.name}: {report.table(found)}", nl=False)
    if as_json:
        typer.echo(json.dumps(objects[0] if len(objects) == 1 else objects, indent=1))
    return met


def schedule_for(
    spec: str, model: str | None, dims: dict[str, int], chunks: int, memory: str
) -> list[str]:
    """Return the actions that fit a budget.

    Raises:
        BindError: a size is not bound, or the model exchanges bits.
        ScheduleError: no schedule fits, or `memory` is no size.
    """
    os.environ.setdefault("KINETO_LOG_LEVEL", "6")
    from revc.codegen.compile import compile
    from revc.planning.plan import plan

    made = compile(spec, model=model, dims=dims, chunks=chunks)
    found = plan(made, memory=memory, inputs=_inputs(made.interface))
    return [action.kind for action in found.schedule]


def _inputs(at: "Interface") -> "dict[str, Tensor]":
    """Return inputs of a program, of which nobody reads the numbers."""
    import torch

    from revc.runtime.sizes import evaluate

    if at.sizes:
        raise BindError(f"a plan needs all sizes: bind them, as in -D {at.sizes[0]}=8")
    values = {}
    for slot in at.entries:
        kind = torch.int64 if slot.kind == "label" else torch.float32
        shape = [round(evaluate(dim, {}) or 0) for dim in slot.shape]
        values[slot.name] = torch.zeros(shape, dtype=kind)
    return values
