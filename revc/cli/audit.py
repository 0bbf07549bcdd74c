"""`revc audit`: measure that a program loses nothing."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from revc.cli.options import parse_dims

if TYPE_CHECKING:
    from revc.audit.finding import Finding


def run(
    spec: Annotated[str, typer.Argument(help="The .rev file.")],
    weights: Annotated[
        str | None, typer.Option(help="A state_dict: .pt or .safetensors; else fresh weights.")
    ] = None,
    data: Annotated[
        str | None, typer.Option(help="Inputs by name: .pt, .npz or .safetensors; else made.")
    ] = None,
    model: Annotated[str | None, typer.Option(help="Which of the file's models.")] = None,
    dim: Annotated[list[str] | None, typer.Option("--dim", "-D", help="A size: T=64.")] = None,
    batch: Annotated[int, typer.Option(min=1, help="Examples in made inputs.")] = 4,
    as_json: Annotated[bool, typer.Option("--json", help="Print an array of rows.")] = False,
    html: Annotated[Path | None, typer.Option(help="Write a page with plots.")] = None,
) -> None:
    """Audit a spec; exits with 1 when a diagnostic fails."""
    from revc.audit.page import page
    from revc.audit.prepare import prepare
    from revc.audit.run import audit
    from revc.errors import OutputError

    subject = prepare(spec, model, parse_dims(dim or []), weights, data, batch)
    found = audit(subject)
    title = f"revc audit {Path(spec).name}: {subject.model.interface.name}"
    if html is not None:
        try:
            html.write_text(page(title, found), encoding="utf-8")
        except OSError as error:
            raise OutputError(f"cannot write {html}: {error.strerror}") from error
    if as_json:
        typer.echo(json.dumps([one.row() for one in found], indent=1))
    else:
        _print(title, found)
    raise typer.Exit(1 if any(one.met is False for one in found) else 0)


def _print(title: str, found: "list[Finding]") -> None:
    from rich.console import Console
    from rich.table import Table

    from revc.audit.page import amount, word

    table = Table(title=title)
    for name in ("diagnostic", "found", "bound", ""):
        table.add_column(name)
    for one in found:
        table.add_row(one.name, amount(one), one.target, word(one))
    Console().print(table)
    for one in found:
        typer.echo(f"{one.name}: {one.detail}")
