"""`revc lint`: check specs."""

from typing import Annotated

import typer

from revc.cli.checking import check
from revc.cli.options import AllowImport, NoImport, imports, parse_dims
from revc.cli.render import Format
from revc.passes.lint import Selection


def run(
    specs: Annotated[list[str], typer.Argument(help="The .rev files to check.")],
    output_format: Annotated[Format, typer.Option(help="How findings are printed.")] = Format.full,
    select: Annotated[
        list[str] | None, typer.Option(help="Only these codes, or codes that start so.")
    ] = None,
    ignore: Annotated[
        list[str] | None, typer.Option(help="Not these codes, or codes that start so.")
    ] = None,
    deny: Annotated[
        list[str] | None,
        typer.Option(help="Raise to deny: a code, `warnings`, or `unknown` verdicts."),
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
    return tuple(code for entry in given or () for code in entry.split(",") if code)


def _check_codes(chosen: Selection) -> None:
    from revc.passes.rules.registry import MODULES

    for code in (*chosen.select, *chosen.ignore, *chosen.deny):
        if code not in ("unknown", "warnings") and not any(c.startswith(code) for c in MODULES):
            raise typer.BadParameter(f"no rule {code}: `revc explain` lists them")
