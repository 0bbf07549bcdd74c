"""Options that several commands share."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from revc.errors import OutputError

if TYPE_CHECKING:
    from revc.runtime.chunks import Chunks


def parse_dims(entries: list[str]) -> dict[str, int]:
    """Return the dims of ``-D d=768`` options.

    Raises:
        typer.BadParameter: an entry is not NAME=NUMBER.
    """
    dims: dict[str, int] = {}
    for entry in entries:
        name, equals, value = entry.partition("=")
        if not (
            equals
            and name.strip().replace(".", "_").isidentifier()
            and value.strip().isdecimal()
            and len(value) < 100
        ):
            raise typer.BadParameter(f"{entry!r} is not NAME=NUMBER, as in -D d=768")
        dims[name.strip()] = int(value)
    return dims


NoImport = Annotated[
    bool, typer.Option("--no-import", help="Import no module that the spec names.")
]
AllowImport = Annotated[
    list[str] | None,
    typer.Option("--allow-import", help="Import from this module and below only: torch.nn."),
]


CHUNKS = (
    "Run separable nets in this many pieces along the batch, 4, or along batch and sequence, 4x2; "
    "auto, with a budget: as few as it takes."
)


def parse_chunks(text: str) -> "Chunks | None":
    """Return the pieces of ``4`` or ``4x2``, None for ``auto``: as many as a plan wants.

    Raises:
        typer.BadParameter: it is neither.
    """
    if text == "auto":
        return None
    from revc.runtime.chunks import Chunks

    parts = text.split("x")
    fits = [part.isdecimal() and len(part) < 10 and int(part) > 0 for part in parts]
    if not all(fits) or len(parts) > 2:
        raise typer.BadParameter(f"--chunks {text}: want a number from 1 on, two as 4x2, or auto")
    return Chunks(*map(int, parts))


Offload = Annotated[
    str | None,
    typer.Option(help="A plan may offload: 12GB/s between device and host. Needs --flops."),
]
Flops = Annotated[
    float | None,
    typer.Option(help="Operations a second of the device, as 1e12, to weigh copies against."),
]
Compiled = Annotated[
    bool,
    typer.Option("--compiled", help="Plan for torch.compile: some steps are compiled, measured."),
]


def imports(no_import: bool, allowed: list[str] | None) -> tuple[str, ...] | None:
    """Return the modules that a spec may import, None for any.

    Raises:
        typer.BadParameter: both options are given.
    """
    if no_import and allowed:
        raise typer.BadParameter("--no-import allows none: leave it out, or --allow-import")
    return tuple(allowed) if allowed else () if no_import else None


def write_text(path: str | Path, text: str) -> None:
    """Write a file of text.

    Raises:
        OutputError: it cannot be written.
    """
    try:
        Path(path).write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror or error}") from error
