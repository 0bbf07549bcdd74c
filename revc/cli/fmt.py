"""`revc fmt`: format specs."""

from pathlib import Path
from typing import Annotated

import typer


def run(
    specs: Annotated[list[str], typer.Argument(help="The .rev files to format.")],
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; exit with 1 if a file would change.")
    ] = False,
) -> None:
    """Format specs in place; comments stay."""
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
            Path(spec).write_text(formatted, encoding="utf-8", newline="\n")
    if check and changed:
        raise typer.Exit(1)
