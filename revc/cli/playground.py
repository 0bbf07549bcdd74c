"""`revc playground`: a page on this machine that tells of a spec as it is typed."""

from pathlib import Path
from typing import Annotated

import typer

from revc.errors import OutputError

START = """\
use std.nets: attention, mlp, norm

dim B, T, d = 64
state lattice(Q12.20)

block Layer(a, b: [B, T, d]) {
  a += attention(norm(b), heads = 4, causal = true)
  b += mlp(norm(a), width = 4*d)
}

model Net(a, b: [B, T, d]) {
  repeat 6 { Layer(a, b) }
}
"""


def run(
    spec: Annotated[
        str | None, typer.Argument(help="The .rev file that the page begins with.")
    ] = None,
    port: Annotated[int, typer.Option(help="The port, 0 for any that is free.")] = 0,
    browse: Annotated[bool, typer.Option("--open", help="Open the page in a browser.")] = False,
) -> None:
    """Serve a page, to this machine alone, that checks, draws and inverts what is typed."""
    from revc.playground.server import Playground

    text, folder = START, None
    if spec is not None:
        from revc.passes.sources import DISK

        text, folder = DISK.text(Path(spec)), Path(spec).parent
    try:
        server = Playground(text, folder, port)
    except (OSError, OverflowError) as error:
        raise OutputError(f"cannot listen on port {port}: {error}") from error
    typer.echo(f"{server.url}\nCtrl-C ends it")
    if browse:
        import webbrowser

        webbrowser.open(server.url)
    with server:
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            typer.echo("ended")
