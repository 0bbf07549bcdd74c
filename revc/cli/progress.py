"""How a search goes, on one line of the terminal, while it goes."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import typer

Tell = Callable[[str, float, float | None], None]
_CLEAR = "\r\x1b[K"


@contextmanager
def progress(unit: str) -> Iterator[Tell | None]:
    """Give what shows a stage, its share, and the best so far, a number of `unit`.

    None where standard error is no terminal. The line is gone at the end.
    """
    if not sys.stderr.isatty():
        yield None
        return

    def tell(stage: str, share: float, best: float | None) -> None:
        reached = "" if best is None else f", {unit} {best:.6g}"
        typer.echo(f"{_CLEAR}{stage} {100 * share:.0f} %{reached}", nl=False, err=True)

    try:
        yield tell
    finally:
        typer.echo(_CLEAR, nl=False, err=True)
