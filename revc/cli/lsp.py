"""`revc lsp`: the language server."""

import os
import sys
from contextlib import redirect_stdout
from typing import Annotated

import typer

from revc.errors import BindError


def run(
    stdio: Annotated[
        bool, typer.Option("--stdio", help="As it does anyway: many editors say it all the same.")
    ] = False,
) -> None:
    """Serve an editor over standard input and output, by the language server protocol."""
    del stdio
    start()


def start() -> None:
    """Serve until the editor leaves.

    Raises:
        BindError: pygls is not installed.
    """
    try:
        import pygls.lsp.server  # noqa: F401
    except ModuleNotFoundError as error:
        text = "`revc lsp` needs pygls 2: install the extra `lsp`, as in pip install 'revc[lsp]'"
        raise BindError(f"{text} ({error})") from error
    import revc
    from revc.lsp.server import make_server

    # The protocol has a stream of its own, and closes it; what is printed by chance goes elsewhere.
    with os.fdopen(os.dup(sys.stdout.fileno()), "wb") as out, redirect_stdout(sys.stderr):
        make_server(revc.__version__).start_io(sys.stdin.buffer, out)
