"""`revc lint`: check specs."""

from typing import Annotated

import typer

from revc.cli.checking import check
from revc.cli.options import AllowImport, NoImport, imports, parse_dims
from revc.cli.render import Format
from revc.passes.lint import LEVELS, Selection


def run(
    specs: Annotated[
        list[str],
        typer.Argument(help="The .rev files to check: paths, folders, globs, or - for stdin."),
    ],
    output_format: Annotated[Format, typer.Option(help="How findings are printed.")] = Format.full,
    select: Annotated[
        list[str] | None, typer.Option(help="Only these: codes, their beginnings, or levels.")
    ] = None,
    ignore: Annotated[
        list[str] | None, typer.Option(help="Not these: codes, their beginnings, or levels.")
    ] = None,
    deny: Annotated[
        list[str] | None,
        typer.Option(help="Raise these to deny: codes, `warnings`, or `unknown` verdicts."),
    ] = None,
    dim: Annotated[list[str] | None, typer.Option("--dim", "-D", help="Bind a dim: d=768.")] = None,
    proof: Annotated[bool, typer.Option("--proof", help="Print each verdict's proof.")] = False,
    probe: Annotated[
        bool,
        typer.Option(
            "--probe",
            help="Run torch nets to see if they draw random numbers; count a step's memory.",
        ),
    ] = False,
    no_import: NoImport = False,
    allow_import: AllowImport = None,
) -> None:
    """Check specs; exits with 1 when a finding is at level deny."""
    chosen = Selection(_codes(select), _codes(ignore), _codes(deny))
    _check_codes(chosen)
    dims = parse_dims(dim or [])
    allowed = imports(no_import, allow_import)
    raise typer.Exit(check(specs, output_format, chosen, dims, proof, probe, allowed))


def _codes(given: list[str] | None) -> tuple[str, ...]:
    """Return codes given one by one or with commas between them."""
    return tuple(code.strip() for entry in given or () for code in entry.split(","))


def _check_codes(chosen: Selection) -> None:
    wrong = chosen.unknown()
    if wrong == "unknown":
        raise typer.BadParameter("`unknown` goes with --deny: it is a verdict, and no level")
    if wrong is not None:
        levels = " and ".join(f"`{word}`" for word in LEVELS)
        text = f"no rule {wrong!r}: `revc explain` lists them, and {levels} are levels"
        raise typer.BadParameter(text)
