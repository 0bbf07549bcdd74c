"""Options that several commands share."""

from pathlib import Path

import typer

from revc.errors import OutputError


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


def write_text(path: str | Path, text: str) -> None:
    """Write a file of text.

    Raises:
        OutputError: it cannot be written.
    """
    try:
        Path(path).write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror or error}") from error
