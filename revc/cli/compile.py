"""`revc compile`: a spec to a Python package, or to the text of a stage."""

from pathlib import Path
from typing import Annotated

import typer

from revc.cli.emit import Stage
from revc.cli.options import (
    CHUNKS,
    AllowImport,
    Compiled,
    Flops,
    NoImport,
    Offload,
    imports,
    parse_chunks,
    parse_dims,
)
from revc.cli.plan_spec import Subject, budget, check_rates, has_budget, schedule_for


def run(
    spec: Annotated[str, typer.Argument(help="The .rev file to compile.")],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Write a Python package here, as build/lm."),
    ] = None,
    emit: Annotated[Stage | None, typer.Option(help="Print a stage instead.")] = None,
    model: Annotated[str | None, typer.Option(help="Which model, if there are several.")] = None,
    dim: Annotated[list[str] | None, typer.Option("--dim", "-D", help="Bind a dim: d=768.")] = None,
    chunks: Annotated[
        str,
        typer.Option(help=CHUNKS),
    ] = "1",
    schedule: Annotated[
        str | None,
        typer.Option(
            help="What a run keeps: invert, keep, save, offload, or one a segment: keep:out,save."
        ),
    ] = None,
    memory: Annotated[
        str | None,
        typer.Option(
            help="Plan the schedule for this budget, as 512MiB, or auto, for what the device has "
            "free; all sizes must be bound. Left out, the `budget memory` of the spec is it."
        ),
    ] = None,
    device: Annotated[
        str, typer.Option(help="Where it is to be trained, for a plan: cuda.")
    ] = "cpu",
    offload: Offload = None,
    flops: Flops = None,
    compiled: Compiled = False,
    force: Annotated[
        bool,
        typer.Option("--force", help="Write beside other files and over edited ones."),
    ] = False,
    no_import: NoImport = False,
    allow_import: AllowImport = None,
) -> None:
    """Compile a spec to a Python package that runs with revc.runtime alone."""
    if (output is None) == (emit is None):
        raise typer.BadParameter("say where to write with -o FOLDER, or what to print with --emit")
    dims, allowed = parse_dims(dim or []), imports(no_import, allow_import)
    subject = Subject(
        spec, model, dims, device, parse_chunks(chunks), allowed, offload, flops, compiled
    )
    actions, pieces = _schedule(subject, schedule, memory)
    if emit is not None:
        _print(emit, spec, model, dims, pieces, actions)
        return
    assert output is not None
    from revc.artifact.package import package

    package(
        spec, output, model=model, dims=dims, chunks=pieces, force=force, allow_import=allowed,
        schedule=actions or "invert",
    )  # fmt: skip
    typer.echo(f"wrote {output}: `from {output.resolve().name} import load`")


def _schedule(
    subject: Subject, schedule: str | None, memory: str | None
) -> tuple[list[str], tuple[int, int]]:
    """Return the actions that options say, or a plan for a budget, and the chunks.

    Raises:
        typer.BadParameter: options do not go together.
        ScheduleError: no schedule fits the budget.
    """
    actions = [part.strip() for part in (schedule or "").split(",") if part.strip()]
    if actions and memory is not None:
        raise typer.BadParameter("--schedule and --memory both say what a run keeps")
    check_rates(subject.offload, subject.flops)
    plans = not actions and (memory is not None or has_budget(subject.spec))
    if subject.compiled and (not plans or subject.offload is not None):
        raise typer.BadParameter("--compiled is for a plan: say a --memory, and no --offload")
    if plans:
        return schedule_for(subject, None if memory is None else budget(memory))
    if subject.chunks is None:
        raise typer.BadParameter("--chunks auto is for a plan: say a --memory")
    return actions, subject.chunks


def _print(
    stage: Stage, spec: str, model: str | None, dims: dict[str, int], chunks: tuple[int, int],
    schedule: list[str],
) -> None:  # fmt: skip
    from revc.cli.emit import emit

    typer.echo(
        emit(stage, spec, model=model, dims=dims, chunks=chunks, schedule=schedule), nl=False
    )
