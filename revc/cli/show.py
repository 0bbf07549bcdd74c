"""`revc show`: the graph of a spec as a picture."""

from pathlib import Path
from typing import Annotated

import typer


def run(
    spec: Annotated[str, typer.Argument(help="The .rev file to draw.")],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Write an .svg or an .html file instead of printing."),
    ] = None,
) -> None:
    """Draw a spec: state as lanes, what its statements do to it, and what they read."""
    from revc.codegen.show import page, show
    from revc.errors import OutputError

    if output is None:
        typer.echo(show(spec), nl=False)
        return
    if output.suffix not in (".svg", ".html"):
        raise typer.BadParameter(f"{output} is neither .svg nor .html")
    picture = page(spec) if output.suffix == ".html" else show(spec)
    try:
        output.write_text(picture, encoding="utf-8", newline="\n")
    except OSError as error:
        raise OutputError(f"cannot write {output}: {error.strerror or error}") from error
    typer.echo(f"wrote {output}")
