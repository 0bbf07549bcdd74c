"""Schedules of models, whose sizes are all bound, for a budget: `revc plan`, `revc compile`."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from revc.errors import ScheduleError
from revc.runtime.chunks import WHOLE, Chunks

if TYPE_CHECKING:
    from torch import Tensor

    from revc.planning.chunks import Chunked, ChunkPlans
    from revc.runtime.model import ReversibleModel

AUTO = "auto"


@dataclass(frozen=True)
class Subject:
    """Which model is planned, at which sizes, on which device; what it may import, None for all.

    `offload` says how fast copies to the host are, and `flops` how many operations a second there
    are beside; without them nothing is offloaded. `chunks` None leaves them to the plan.
    `compiled` says that torch.compile compiles its steps; without `runs` none of them is run.
    """

    spec: str
    model: str | None
    dims: dict[str, int]
    device: str = "cpu"
    chunks: Chunks | None = WHOLE
    allowed: tuple[str, ...] | None = None
    offload: str | None = None
    flops: float | None = None
    compiled: bool = False
    runs: bool = True


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


def check_rates(offload: str | None, flops: float | None) -> None:
    """Check what options say of copies to the host.

    Raises:
        typer.BadParameter: one is missing, or is no rate.
    """
    from revc.planning.link import link_of

    try:
        link_of(offload, flops)
    except ScheduleError as error:
        raise typer.BadParameter(str(error)) from None


def planned(
    subject: Subject, budgets: Sequence[int | str], shape: Shape, limit: float | None = None
) -> bool:
    """Give a schedule for each budget, or for the spec's own; return whether all can be met.

    Raises:
        BindError: a size is not bound.
        ScheduleError: a budget is above the spec's, or there is none.
    """
    made = _made(subject)
    from revc.cli.progress import progress
    from revc.planning.budget import budget_for
    from revc.planning.least import inputs_for

    values = inputs_for(made, _device(subject.device))
    plans = _plans(subject, made, values)
    found: list[Chunked | tuple[int, ScheduleError]] = []
    for memory in [budget_for(made, one) for one in budgets or (None,)]:
        try:
            with progress("operations again") as tell:
                one = plans.plan(memory, limit, progress=tell, **_how(subject))
            found.append(one)
        except ScheduleError as error:
            found.append((memory, error))
            typer.echo(f"error: {made.interface.name}: {error}", err=True)
    _give(_text(found, made.interface.name, values, shape), shape.output)
    return not any(isinstance(one, tuple) for one in found)


def _plans(subject: Subject, made: "ReversibleModel", values: "dict[str, Tensor]") -> "ChunkPlans":
    from revc.planning.chunks import ChunkPlans, counts_for

    own = made.interface.chunks
    return ChunkPlans(made, values, counts_for(made, values) if subject.chunks is None else [own])


def _how(subject: Subject) -> dict[str, Any]:
    rates = {"offload": subject.offload, "flops": subject.flops}
    return {**rates, "compiled": subject.compiled, "measure": subject.runs}


def _text(
    found: "Sequence[Chunked | tuple[int, ScheduleError]]",
    name: str,
    values: "dict[str, Tensor]",
    shape: Shape,
) -> str:
    from revc.planning import report, timeline

    if shape.style == "table":
        plans = (one for one in found if not isinstance(one, tuple))
        return "".join(f"{_named(name, one)}: {report.table(one.planned)}" for one in plans)
    if shape.style == "html":
        drawn = [
            one
            if isinstance(one, tuple)
            else timeline.timeline_of(one.model, values, one.planned, shape.measure)
            for one in found
        ]
        return timeline.page(name, drawn)
    objects = [_object(one) for one in found]
    return json.dumps(objects[0] if len(objects) == 1 else objects, indent=1) + "\n"


def _named(name: str, one: "Chunked") -> str:
    return name if one.chunks.pieces == 1 else f"{name} in {one.chunks} chunks"


def _object(one: "Chunked | tuple[int, ScheduleError]") -> dict[str, Any]:
    from revc.planning import report

    if isinstance(one, tuple):
        return {"memory": one[0], "schedule": None, "error": str(one[1])}
    return {**report.as_object(one.planned), "chunks": str(one.chunks)}


def _give(text: str, output: Path | None) -> None:
    from revc.cli.options import write_text

    if output is None:
        typer.echo(text, nl=False)
    else:
        write_text(output, text)


def schedule_for(subject: Subject, memory: int | str | None) -> tuple[list[str], Chunks]:
    """Return the actions that fit a budget, None is the spec's own, and the chunks.

    That is planned for where all sizes are bound: else there are no actions, and a note says so.

    Raises:
        BindError: a size is not bound.
        ScheduleError: no schedule fits, or the budget is above the spec's.
    """
    made = _made(subject)
    from revc.planning.least import inputs_for

    if memory is None and made.interface.sizes:
        free = made.interface.sizes[0]
        text = f"nothing is planned for `budget memory`, as sizes are free: bind -D {free}=8"
        typer.echo(f"note: {made.interface.name}: {text}", err=True)
        return [], made.interface.chunks
    values = inputs_for(made, _device(subject.device))
    found = _plans(subject, made, values).plan(memory, **_how(subject))
    return [str(action) for action in found.planned.schedule], found.chunks


def has_budget(spec: str) -> bool:
    """Say whether a spec bounds its models' memory itself; false where it does not parse."""
    from revc.grammar import ast
    from revc.passes.spec import Spec

    items = Spec(spec).main.file.items
    return any(isinstance(item, ast.MemoryBudget) for item in items)


def _made(subject: Subject) -> "ReversibleModel":
    """Return the model of a spec, on its device."""
    from revc.codegen.compile import compile

    device = _device(subject.device)
    how: dict[str, Any] = {"dims": subject.dims, "chunks": subject.chunks or WHOLE}
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
