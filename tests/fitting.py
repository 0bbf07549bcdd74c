"""Whether records hold what their annotations say, by pydantic: parser and passes do not ask."""

from functools import cache
from typing import Any

from pydantic import TypeAdapter, ValidationError

from revc.grammar.record import Record
from revc.ir.schema import adapter


@cache
def _adapter(kind: type[Record]) -> TypeAdapter[Any]:
    return adapter(kind)


def misfits(record: Record) -> list[str]:
    """Return the fields of a record in which, at any depth, something is that must not be there."""
    try:
        _adapter(type(record)).validate_python(record, strict=True)
    except ValidationError as wrong:
        return list(dict.fromkeys(str(one["loc"][0]) for one in wrong.errors()))
    return []
