"""Schedules of models, whose sizes are all bound, for a budget: `revc plan`, `revc compile`."""

import json
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

import typer

from revc.errors import BindError, ScheduleError

if TYPE_CHECKING:
    from torch import Tensor

    from revc.runtime.model import ReversibleModel


def planned(
    spec: str, model: str | None, dims: dict[str, int], budgets: Sequence[int], as_json: bool
) -> bool:
    """Print a schedule for each budget; return whether all can be met.

    Raises:
        BindError: a size is not bound, or the model exchanges bits.
    """
    made, values = _made(spec, model, dims)
    from revc.planning import report
    from revc.planning.plan import plan_model

    met, objects = True, []
    for memory in budgets:
        try:
            found = plan_model(made, memory=memory, inputs=values)
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
    made, values = _made(spec, model, dims, chunks)
    from revc.planning.plan import plan_model

    found = plan_model(made, memory=memory, inputs=values)
    return [action.kind for action in found.schedule]


def _made(
    spec: str, model: str | None, dims: dict[str, int], chunks: int = 1
) -> "tuple[ReversibleModel, dict[str, Tensor]]":
    """Return the model of a spec, and inputs for it, of which nobody reads the numbers."""
    # Read as torch is imported: else its profiler tells the terminal of every start.
    os.environ.setdefault("KINETO_LOG_LEVEL", "6")
    import torch

    from revc.codegen.compile import compile
    from revc.runtime.sizes import evaluate

    made = compile(spec, model=model, dims=dims, chunks=chunks)
    at = made.interface
    if at.sizes:
        raise BindError(f"a plan needs all sizes: bind them, as in -D {at.sizes[0]}=8")
    values = {}
    for slot in at.entries:
        kind = torch.int64 if slot.kind == "label" else torch.float32
        shape = [round(evaluate(dim, {}) or 0) for dim in slot.shape]
        values[slot.name] = torch.zeros(shape, dtype=kind)
    return made, values
