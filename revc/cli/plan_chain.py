"""Plans of an abstract chain for budgets: `revc plan --chain`; it needs no torch."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from revc.passes.schedule.chain import Chain
    from revc.passes.schedule.errors import InfeasibleError
    from revc.passes.schedule.solve import Solution


def planned(
    chain: Path, budgets: Sequence[int | str], style: str, output: Path | None, limit: float | None
) -> bool:
    """Give a plan for each budget as ``table``, ``json`` or ``html``; return whether all are met.

    Raises:
        typer.BadParameter: there is no budget, or one is no size.
        ScheduleError: the file is no chain.
    """
    from revc.cli.options import write_text
    from revc.passes.schedule.read import read

    sizes = [one for one in budgets if isinstance(one, int)]
    if not sizes or len(sizes) < len(budgets):
        raise typer.BadParameter("a chain is planned for a --memory in bytes or with a unit")
    known = read(chain)
    found = [_solved(known, size, limit) for size in sizes]
    text = _shown(known, found, style)
    if output is None:
        typer.echo(text, nl=False)
    else:
        write_text(output, text)
    refused = [one for one in found if isinstance(one, Exception)]
    for error in refused:
        typer.echo(f"error: {known.name}: {error}", err=True)
    return not refused


def _solved(chain: "Chain", memory: int, limit: float | None) -> "Solution | InfeasibleError":
    from revc.cli.progress import progress
    from revc.passes.schedule.errors import InfeasibleError
    from revc.passes.schedule.solve import solve

    with progress("extra time") as tell:
        try:
            return solve(chain, memory, limit=limit, progress=tell)
        except InfeasibleError as error:
            return error


def _shown(chain: "Chain", found: "Sequence[Solution | InfeasibleError]", style: str) -> str:
    from revc.passes.schedule import report
    from revc.passes.schedule.errors import InfeasibleError

    if style == "html":
        return report.page(chain.name, found)
    if style == "table":
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
