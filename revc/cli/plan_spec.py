"""Schedules of models, whose sizes are all bound, for a budget: `revc plan`, `revc compile`."""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from revc.errors import ScheduleError

if TYPE_CHECKING:
    from torch import Tensor

    from revc.planning.plan import Planned
    from revc.runtime.model import ReversibleModel

AUTO = "auto"


@dataclass(frozen=True)
class Subject:
    """Which model is planned, at which sizes, on which device; what it may import, None for all."""

    spec: str
    model: str | None
    dims: dict[str, int]
    device: str = "cpu"
    chunks: int = 1
    allowed: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Shape:
    """How plans are given: ``table``, ``json`` or ``html``, where to, and whether one is run."""

    style: str
    output: Path | None
    measure: bool


def budget(text: str) -> int | str:
    """Return what an option says of a budget: bytes, or ``auto``.

    Raises:
        typer.BadParameter: it is no size.
    """
    from revc.passes.schedule.units import parse_bytes

    if text == AUTO:
        return AUTO
    try:
        return parse_bytes(text)
    except ScheduleError as error:
        raise typer.BadParameter(str(error)) from None


def planned(
    subject: Subject, budgets: Sequence[int | str], shape: Shape, limit: float | None = None
) -> bool:
    """Give a schedule for each budget, or for the spec's own; return whether all can be met.

    Raises:
        BindError: a size is not bound, or the model exchanges bits.
        ScheduleError: a budget is above the spec's, or there is none.
    """
    made = _made(subject)
    from revc.cli.progress import progress
    from revc.planning.budget import budget_for
    from revc.planning.least import zeros_for
    from revc.planning.plan import plan

    values = zeros_for(made, _device(subject.device))
    known: Planned | None = None
    found: list[Planned | tuple[int, ScheduleError]] = []
    for memory in [budget_for(made, one) for one in budgets or (None,)]:
        try:
            with progress("operations again") as tell:
                known = plan(
                    made, memory=memory, inputs=values, limit=limit, progress=tell, known=known
                )
            found.append(known)
        except ScheduleError as error:
            found.append((memory, error))
            typer.echo(f"error: {made.interface.name}: {error}", err=True)
    _give(_text(found, made, values, shape), shape.output)
    return not any(isinstance(one, tuple) for one in found)


def _text(
    found: "Sequence[Planned | tuple[int, ScheduleError]]",
    made: "ReversibleModel",
    values: "dict[str, Tensor]",
    shape: Shape,
) -> str:
    from revc.planning import report, timeline

    name = made.interface.name
    if shape.style == "table":
        plans = (one for one in found if not isinstance(one, tuple))
        return "".join(f"{name}: {report.table(one)}" for one in plans)
    if shape.style == "html":
        drawn = [
            one
            if isinstance(one, tuple)
            else timeline.timeline_of(made, values, one, shape.measure)
            for one in found
        ]
        return timeline.page(name, drawn)
    objects = [_object(one) for one in found]
    return json.dumps(objects[0] if len(objects) == 1 else objects, indent=1) + "\n"


def _object(one: "Planned | tuple[int, ScheduleError]") -> dict[str, Any]:
    from revc.planning import report

    if isinstance(one, tuple):
        return {"memory": one[0], "schedule": None, "error": str(one[1])}
    return report.as_object(one)


def _give(text: str, output: Path | None) -> None:
    from revc.cli.options import write_text

    if output is None:
        typer.echo(text, nl=False)
    else:
        write_text(output, text)


def schedule_for(subject: Subject, memory: int | str | None) -> list[str]:
    """Return the actions that fit a budget; None is the spec's own.

    That is planned for where all sizes are bound: else there are no actions, and a note says so.

    Raises:
        BindError: a size is not bound, or the model exchanges bits.
        ScheduleError: no schedule fits, or the budget is above the spec's.
    """
    made = _made(subject)
    from revc.planning.least import zeros_for
    from revc.planning.plan import plan

    if memory is None and made.interface.sizes:
        free = made.interface.sizes[0]
        text = f"nothing is planned for `budget memory`, as sizes are free: bind -D {free}=8"
        typer.echo(f"note: {made.interface.name}: {text}", err=True)
        return []
    found = plan(made, memory=memory, inputs=zeros_for(made, _device(subject.device)))
    return [str(action) for action in found.schedule]


def has_budget(spec: str) -> bool:
    """Say whether a spec bounds its models' memory itself; false where it does not parse."""
    from revc.grammar import ast
    from revc.passes.spec import Spec

    items = Spec(spec).main.file.items
    return any(isinstance(item, ast.MemoryBudget) for item in items)


def _made(subject: Subject) -> "ReversibleModel":
    """Return the model of a spec, on its device."""
    # Read as torch is imported: else its profiler tells the terminal of every start.
    os.environ.setdefault("KINETO_LOG_LEVEL", "6")
    from revc.codegen.compile import compile

    device = _device(subject.device)
    how: dict[str, Any] = {"dims": subject.dims, "chunks": subject.chunks}
    how["allow_import"] = subject.allowed
    return compile(subject.spec, model=subject.model, **how).to(device)


def _device(text: str) -> Any:
    """Return the device with a name.

    Raises:
        typer.BadParameter: there is none.
    """
    import torch

    try:
        device = torch.device(text)
    except RuntimeError:
        raise typer.BadParameter(f"{text!r} is no device: say cpu or cuda") from None
    if device.type not in ("cpu", "cuda") or (
        device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count()
    ):
        raise typer.BadParameter(f"there is no device {text} here to plan for")
    return device
