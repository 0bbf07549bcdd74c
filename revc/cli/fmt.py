"""`revc fmt`: format specs."""

from collections.abc import Iterator
from typing import Annotated

import typer


def run(
    specs: Annotated[
        list[str],
        typer.Argument(
            help="The .rev files to format: paths, folders, globs; - is stdin to stdout."
        ),
    ],
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; exit with 1 if a file would change.")
    ] = False,
    diff: Annotated[
        bool,
        typer.Option(
            "--diff", help="Print what would change; write nothing; exit as --check does."
        ),
    ] = False,
) -> None:
    """Format specs in place; comments stay."""
    from revc.cli.files import expanded

    changed = [_format(spec, check, diff) for spec in expanded(specs)]
    if (check or diff) and any(changed):
        raise typer.Exit(1)


def _format(spec: str, check: bool, diff: bool) -> bool:
    """Format one file, or say what would change; return whether anything does."""
    from revc.cli.files import STDIN, source
    from revc.cli.options import write_text
    from revc.grammar.format import format_source
    from revc.passes.sources import DISK

    text = DISK.main(source(spec))
    formatted = format_source(text.text, text.file)
    if spec == STDIN and not (check or diff):
        typer.echo(formatted, nl=False)
    elif formatted != text.text:
        if diff:
            typer.echo("".join(_difference(text.text, formatted, text.file)), nl=False)
        else:
            typer.echo(f"{'would change' if check else 'formatted'} {spec}")
        if not (check or diff):
            write_text(spec, formatted)
    return formatted != text.text


def _difference(before: str, after: str, file: str) -> Iterator[str]:
    """Yield the lines of a unified diff; a last line without its end is marked, as by ``diff``."""
    from difflib import unified_diff

    old, new = before.splitlines(keepends=True), after.splitlines(keepends=True)
    for line in unified_diff(old, new, file, file):
        yield line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"
