"""`revc lint`: check specs."""

from pathlib import Path
from typing import Annotated

import typer

from revc.cli.checking import check
from revc.cli.options import AllowImport, NoImport, imports, parse_dims
from revc.cli.render import Format
from revc.cli.request import Request, codes, with_settings
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
    fix: Annotated[bool, typer.Option("--fix", help="Make the repairs that are safe.")] = False,
    unsafe_fixes: Annotated[
        bool,
        typer.Option("--unsafe-fixes", help="Make those too that may change what a spec means."),
    ] = False,
    probe: Annotated[
        bool,
        typer.Option(
            "--probe",
            help="Run torch nets to see if they draw random numbers; count a step's memory.",
        ),
    ] = False,
    weights: Annotated[
        Path | None,
        typer.Option(help="Bound nets by these parameters: safetensors, or a saved state dict."),
    ] = None,
    watch: Annotated[
        bool, typer.Option("--watch", help="Lint again whenever a file changes, until Ctrl-C.")
    ] = False,
    no_import: NoImport = False,
    allow_import: AllowImport = None,
) -> None:
    """Check specs; exits with 1 when a finding is at level deny."""
    chosen = Selection(codes(select), codes(ignore), codes(deny))
    _check_codes(chosen)
    dims, allowed = parse_dims(dim or []), imports(no_import, allow_import)
    asked = Request(
        tuple(specs), output_format, chosen, dims, {}, (), proof, probe, allowed, weights
    )
    request = with_settings(asked)
    if fix or unsafe_fixes:
        mend(request, unsafe_fixes)
    raise typer.Exit(_watched(request) if watch else check(request))


def _watched(request: Request) -> int:
    from revc.cli.files import STDIN
    from revc.cli.watch import watch as watched

    if STDIN in request.specs:
        raise typer.BadParameter("standard input cannot be watched: name a file")
    return watched(request)


def mend(request: Request, unsafe: bool) -> None:
    """Repair files, and say on standard error which have changed.

    Raises:
        typer.BadParameter: standard input is among them.
        OutputError: a file cannot be written.
    """
    from revc.cli.files import STDIN, expanded, source
    from revc.cli.options import write_text
    from revc.grammar.diagnostics import SpecError
    from revc.passes.fixes import fixed
    from revc.passes.sources import DISK

    if STDIN in request.specs:
        raise typer.BadParameter("standard input cannot be repaired in place: name a file")
    for spec in expanded(request.specs, request.exclude):
        try:
            text = DISK.main(source(spec))
        except SpecError:
            continue  # linting says why it cannot be read
        repaired = fixed(text, unsafe, request.selection, request.dims, request.defaults)
        if repaired != text.text:
            write_text(spec, repaired)
            typer.echo(f"repaired {spec}", err=True)


def _check_codes(chosen: Selection) -> None:
    wrong = chosen.unknown()
    if wrong == "unknown":
        raise typer.BadParameter("`unknown` goes with --deny: it is a verdict, and no level")
    if wrong is not None:
        levels = " and ".join(f"`{word}`" for word in LEVELS)
        text = f"no rule {wrong!r}: `revc explain` lists them, and {levels} are levels"
        raise typer.BadParameter(text)
