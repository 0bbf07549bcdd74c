"""`revc invert`: the inverse program as source."""

from typing import Annotated

import typer


def run(
    spec: Annotated[str, typer.Argument(help="The .rev file to invert.")],
    model: Annotated[
        str | None, typer.Option(help="Invert this model alone, not all of the file.")
    ] = None,
) -> None:
    """Print the spec whose models undo those of a spec; it loads the same parameters."""
    from pathlib import Path

    from revc.passes.invert import invert

    typer.echo(invert(Path(spec), model=model), nl=False)
