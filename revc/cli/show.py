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
    from revc.cli.options import write_text
    from revc.picture.show import page, show

    if output is None:
        typer.echo(show(spec), nl=False)
        return
    if output.suffix not in (".svg", ".html"):
        raise typer.BadParameter(f"{output} is neither .svg nor .html")
    picture = page(spec) if output.suffix == ".html" else show(spec)
    write_text(output, picture)
    typer.echo(f"wrote {output}")
