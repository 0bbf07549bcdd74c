"""`revc show`: the graph of a spec as a picture, or what becomes of its nets."""

from pathlib import Path
from typing import Annotated

import typer

from revc.cli.options import AllowImport, NoImport, parse_dims


def run(
    spec: Annotated[str, typer.Argument(help="The .rev file to draw.")],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Write an .svg or an .html file instead of printing."),
    ] = None,
    nets: Annotated[
        bool,
        typer.Option("--nets", help="Say which nets are captured, and why others are called."),
    ] = False,
    dim: Annotated[
        list[str] | None, typer.Option("-D", help="With --nets, a free size, as in -D T=512.")
    ] = None,
    allow_import: AllowImport = None,
    no_import: NoImport = False,
) -> None:
    """Draw a spec: state as lanes, what its statements do to it, and what they read."""
    if nets:
        from revc.audit.nets_seen import nets_seen, table

        allowed = [] if no_import else allow_import
        typer.echo(table(nets_seen(Path(spec), parse_dims(dim or []), allowed)), nl=False)
        return
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
