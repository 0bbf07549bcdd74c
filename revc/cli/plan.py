"""`revc plan`: how a backward pass gets its inputs back within a memory budget."""

import json
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from revc.cli.options import CHUNKS, Compiled, Flops, Offload

if TYPE_CHECKING:
    from revc.passes.schedule.chain import Chain
    from revc.passes.schedule.errors import InfeasibleError
    from revc.passes.schedule.solve import Solution


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
        bool, typer.Option("--measure", help="Run a step of a model's plan, for its page.")
    ] = False,
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
    from revc.cli import plan_spec
    from revc.cli.options import parse_chunks, parse_dims, write_text
    from revc.passes.schedule.read import read

    if (spec is None) == (chain is None):
        raise typer.BadParameter("say what to plan: a .rev file, or --chain and a file")
    asked = [plan_spec.budget(text) for text in memory or ()]
    if measure and (chain is not None or output_format is not Format.html):
        raise typer.BadParameter("--measure runs a model's plan, for --format html")
    plan_spec.check_rates(offload, flops)
    if chain is not None and offload is not None:
        raise typer.BadParameter("a chain says itself how fast copies are: offload_bandwidth")
    if compiled and (chain is not None or output_format is Format.html or offload is not None):
        raise typer.BadParameter("--compiled is for models, has no page, and offloads nothing")
    if spec is not None:
        where = (spec, model, parse_dims(dim or []), device, parse_chunks(chunks))
        subject = plan_spec.Subject(*where, offload=offload, flops=flops, compiled=compiled)
        shape = plan_spec.Shape(output_format, output, measure)
        met = plan_spec.planned(subject, asked, shape, time_limit)
        raise typer.Exit(0 if met else 1)
    assert chain is not None
    budgets = [one for one in asked if isinstance(one, int)]
    if not budgets or len(budgets) < len(asked):
        raise typer.BadParameter("a chain is planned for a --memory in bytes or with a unit")
    known = read(chain)
    found = [_solved(known, budget, time_limit) for budget in budgets]
    text = _shown(known, found, output_format)
    if output is None:
        typer.echo(text, nl=False)
    else:
        write_text(output, text)
    refused = [one for one in found if isinstance(one, Exception)]
    for error in refused:
        typer.echo(f"error: {known.name}: {error}", err=True)
    raise typer.Exit(1 if refused else 0)


def _solved(chain: "Chain", memory: int, limit: float | None) -> "Solution | InfeasibleError":
    from revc.cli.progress import progress
    from revc.passes.schedule.errors import InfeasibleError
    from revc.passes.schedule.solve import solve

    with progress("extra time") as tell:
        try:
            return solve(chain, memory, limit=limit, progress=tell)
        except InfeasibleError as error:
            return error


def _shown(chain: "Chain", found: "Sequence[Solution | InfeasibleError]", style: Format) -> str:
    from revc.passes.schedule import report
    from revc.passes.schedule.errors import InfeasibleError

    if style is Format.html:
        return report.page(chain.name, found)
    if style is Format.table:
        return "".join(_table(one) for one in found if not isinstance(one, InfeasibleError))
    objects = [
        report.as_refusal(chain.name, one)
        if isinstance(one, InfeasibleError)
        else report.as_object(one)
        for one in found
    ]
    return json.dumps(objects[0] if len(objects) == 1 else objects, indent=1) + "\n"


def _table(solution: "Solution") -> str:
    """Return a plan as a table below the sentence that says what it costs."""
    from revc.passes.schedule.report import HEADING, rows, summary

    lines = [HEADING, *(row.cells() for row in rows(solution))]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    text = [
        "  ".join(
            cell.rjust(width) if 3 <= i <= 4 else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    ]
    return "\n".join([f"{solution.chain.name}: {summary(solution)}", *text, "", ""])
