"""`revc plan`: how a backward pass gets its inputs back within a memory budget."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from revc.cli.options import CHUNKS, Compiled, Flops, Offload


class Format(StrEnum):
    """How plans are printed."""

    table = "table"
    json = "json"
    html = "html"


def run(
    spec: Annotated[str | None, typer.Argument(help="The .rev file of a model to plan.")] = None,
    memory: Annotated[
        list[str] | None,
        typer.Option(
            help="A budget: bytes, or 512MiB; for a model also auto, what the device has free. May "
            "be given several times; left out, it is the `budget memory` of the spec."
        ),
    ] = None,
    chain: Annotated[
        Path | None, typer.Option(help="An abstract chain in JSON instead: see docs/schedule.md.")
    ] = None,
    model: Annotated[str | None, typer.Option(help="Which model, if there are several.")] = None,
    dim: Annotated[list[str] | None, typer.Option("--dim", "-D", help="Bind a dim: B=8.")] = None,
    output_format: Annotated[
        Format, typer.Option("--format", help="How plans are printed.")
    ] = Format.table,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write a file instead of printing.")
    ] = None,
    measure: Annotated[
        bool | None,
        typer.Option(
            "--measure/--no-measure",
            help="Run a step of a model's plan, for its page; or run nothing, and only count.",
        ),
    ] = None,
    device: Annotated[str, typer.Option(help="Where a model is to be trained: cuda.")] = "cpu",
    time_limit: Annotated[
        float | None,
        typer.Option(min=0, help="Seconds a budget; the best plan so far is given then."),
    ] = None,
    chunks: Annotated[str, typer.Option(help=CHUNKS)] = "1",
    offload: Offload = None,
    flops: Flops = None,
    compiled: Compiled = False,
) -> None:
    """Plan what a backward pass keeps within a budget; exits with 1 when one cannot be met."""
    from revc.cli import plan_chain, plan_spec
    from revc.cli.options import parse_chunks, parse_dims

    if (spec is None) == (chain is None):
        raise typer.BadParameter("say what to plan: a .rev file, or --chain and a file")
    asked = [plan_spec.budget(text) for text in memory or ()]
    plan_spec.check_rates(offload, flops)
    if chain is not None:
        _check_chain(measure, offload, compiled)
        met = plan_chain.planned(chain, asked, output_format, output, time_limit)
        raise typer.Exit(0 if met else 1)
    assert spec is not None
    _check_model(measure, output_format, offload, compiled)
    where = (spec, model, parse_dims(dim or []), device, parse_chunks(chunks))
    subject = plan_spec.Subject(
        *where, offload=offload, flops=flops, compiled=compiled, runs=measure is not False
    )
    shape = plan_spec.Shape(output_format, output, bool(measure))
    met = plan_spec.planned(subject, asked, shape, time_limit)
    raise typer.Exit(0 if met else 1)


def _check_chain(measure: bool | None, offload: str | None, compiled: bool) -> None:
    """Refuse what is for models.

    Raises:
        typer.BadParameter: something is.
    """
    if measure is not None or compiled:
        raise typer.BadParameter("--measure, --no-measure and --compiled are for models")
    if offload is not None:
        raise typer.BadParameter("a chain says itself how fast copies are: offload_bandwidth")


def _check_model(measure: bool | None, style: Format, offload: str | None, compiled: bool) -> None:
    """Refuse options that do not go together.

    Raises:
        typer.BadParameter: some do not.
    """
    if measure and style is not Format.html:
        raise typer.BadParameter("--measure runs a model's plan, for --format html")
    if compiled and (measure is False or offload is not None):
        raise typer.BadParameter("--compiled measures its steps, and offloads nothing")
