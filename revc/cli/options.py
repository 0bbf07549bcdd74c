"""Options that several commands share."""

import typer


def parse_dims(entries: list[str]) -> dict[str, int]:
    """Return the dims of ``-D d=768`` options.

    Raises:
        typer.BadParameter: an entry is not NAME=NUMBER.
    """
    dims: dict[str, int] = {}
    for entry in entries:
        name, equals, value = entry.partition("=")
        if not (
            equals and name.strip().replace(".", "_").isidentifier() and value.strip().isdigit()
        ):
            raise typer.BadParameter(f"{entry!r} is not NAME=NUMBER, as in -D d=768")
        dims[name.strip()] = int(value)
    return dims
