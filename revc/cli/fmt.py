"""`revc fmt`: format specs."""

from typing import Annotated

import typer


def run(
    specs: Annotated[list[str], typer.Argument(help="The .rev files to format.")],
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; exit with 1 if a file would change.")
    ] = False,
) -> None:
    """Format specs in place; comments stay."""
    from revc.cli.options import write_text
    from revc.grammar.format import format_source
    from revc.grammar.source import read

    changed = []
    for spec in specs:
        text = read(spec)
        formatted = format_source(text, spec)
        if formatted == text:
            continue
        changed.append(spec)
        typer.echo(f"{'would change' if check else 'formatted'} {spec}")
        if not check:
            write_text(spec, formatted)
    if check and changed:
        raise typer.Exit(1)
