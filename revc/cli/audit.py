"""`revc audit`: measure that a program loses nothing."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from revc.cli.options import AllowImport, NoImport, imports, parse_dims

if TYPE_CHECKING:
    from revc.audit.finding import Finding
    from revc.audit.subject import Subject


def run(
    spec: Annotated[
        str, typer.Argument(help="The .rev file, or a folder that `revc retrofit` wrote.")
    ],
    weights: Annotated[
        str | None, typer.Option(help="A state_dict: .pt or .safetensors; else fresh weights.")
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(
            help="Inputs by name: .pt, .npz or .safetensors; else made. A folder's may be a text."
        ),
    ] = None,
    model: Annotated[str | None, typer.Option(help="Which of the file's models.")] = None,
    dim: Annotated[list[str] | None, typer.Option("--dim", "-D", help="A size: T=64.")] = None,
    batch: Annotated[int, typer.Option(min=1, help="Examples in made inputs.")] = 4,
    steps: Annotated[
        int, typer.Option(min=0, help="Optimiser steps that the bit cycle takes back.")
    ] = 1,
    ulps: Annotated[
        float, typer.Option(min=0, help="How far float state may drift, in ULP.")
    ] = 4096.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print an array of rows.")] = False,
    html: Annotated[Path | None, typer.Option(help="Write a page with plots.")] = None,
    no_import: NoImport = False,
    allow_import: AllowImport = None,
) -> None:
    """Audit a spec; exits with 1 when a diagnostic fails, with 2 when nothing could be audited."""
    from revc.audit.page import page
    from revc.audit.run import audit

    allowed = imports(no_import, allow_import)
    subject = _prepared(spec, model, dim or [], weights, data, batch, steps, ulps, allowed)
    found = audit(subject)
    title = f"revc audit {Path(spec).name}: {subject.model.interface.name}"
    if html is not None:
        try:
            html.write_text(page(title, found), encoding="utf-8")
        except OSError as error:
            typer.echo(f"error: cannot write {html}: {error.strerror}", err=True)
            raise typer.Exit(2) from error
    if as_json:
        typer.echo(json.dumps([one.row() for one in found], indent=1))
    else:
        _print(title, found)
    raise typer.Exit(1 if any(one.met is False for one in found) else 0)


def _prepared(
    spec: str, model: str | None, dims: list[str], weights: str | None, data: str | None,
    batch: int, steps: int, ulps: float, allowed: tuple[str, ...] | None,
) -> "Subject":  # fmt: skip
    """Return what to audit; what cannot be prepared exits with 2, as 1 is a diagnostic's word."""
    from revc.audit.prepare import prepare
    from revc.cli import folders
    from revc.cli.render import print_findings, texts_of
    from revc.errors import BindError, RevcError
    from revc.grammar.diagnostics import SpecError

    try:
        if folders.retrofitted(Path(spec)):
            if model is not None or weights is not None:
                raise BindError(f"{spec} has one model, and its weights: drop --model, --weights")
            sizes = parse_dims(dims)
            return folders.subject(Path(spec), data, sizes, batch, steps, ulps)
        return prepare(spec, model, parse_dims(dims), weights, data, batch, steps, ulps, allowed)
    except SpecError as error:
        print_findings(error.diagnostics, texts=texts_of(error.diagnostics))
        raise typer.Exit(2) from None
    except RevcError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(2) from None


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
