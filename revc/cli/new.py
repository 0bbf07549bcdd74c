"""`revc new`: a starter spec."""

from pathlib import Path
from typing import Annotated

import typer

STARTER = """\
# {name}: two streams, each updated from the other, so every layer can be undone exactly.
use std.nets: attention, mlp, norm

dim B, T  # the batch and the sequence: taken from the inputs
dim d = 256  # the width of a stream: -D d=512 overrides
state lattice(Q12.20)

block Layer(a, b: [B, T, d]) {{
  a += attention(norm(b), heads = 8, causal = true)
  b += mlp(norm(a), width = 4*d, act = gelu)
}}

model {name}(a, b: [B, T, d]) -> (a, b: [B, T, d]) {{
  repeat 6 {{ Layer(a, b) }}
}}
"""


def run(
    path: Annotated[Path, typer.Argument(help="The file to write.")] = Path("model.rev"),
) -> None:
    """Write a starter spec; an existing file is left alone."""
    path = path if path.suffix else path.with_suffix(".rev")
    name = "".join(part.capitalize() for part in path.stem.replace("-", "_").split("_"))
    if not name.isidentifier() or not name.isascii():
        raise typer.BadParameter(f"{path.stem!r} makes no model name: use letters and digits")
    try:
        with open(path, "x", encoding="utf-8", newline="\n") as stream:
            stream.write(STARTER.format(name=name))
    except FileExistsError:
        typer.echo(f"error: {path} exists: choose another name", err=True)
        raise typer.Exit(1) from None
    except OSError as error:
        typer.echo(f"error: cannot write {path}: {error.strerror}", err=True)
        raise typer.Exit(1) from None
    typer.echo(f"wrote {path}: try `revc lint {path}`")
