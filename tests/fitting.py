"""Whether records hold what their annotations say: parser and passes make them unchecked."""

import types
import typing
from collections.abc import Iterator
from typing import Any

from revc.grammar.record import Record
from revc.ir import program
from revc.ir.instructions import Instruction

_NAMES = {"Instruction": Instruction, "Block": program.Block}  # known to type checkers alone


def records(value: Any) -> Iterator[Record]:
    """Yield each distinct record in a value, at any depth."""
    seen, rest = set[int](), [value]
    while rest:
        here = rest.pop()
        if isinstance(here, Record):
            if id(here) in seen:
                continue
            seen.add(id(here))
            yield here
            rest += here.__dict__.values()
        elif isinstance(here, tuple):
            rest += here
        elif isinstance(here, dict):
            rest += here.values()


def misfits(record: Record) -> list[str]:
    """Return the fields of a record that hold what they must not."""
    hints = typing.get_type_hints(type(record), localns=_NAMES)
    return [name for name in record.fields if not fits(getattr(record, name), hints[name])]


def fits(value: Any, hint: Any) -> bool:
    """Say whether a value is what an annotation says."""
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return any(fits(value, one) for one in args)
    if origin is typing.Literal:
        return value in args
    if origin is tuple:
        if args[1:] == (...,):
            args = (args[0],) * len(value) if isinstance(value, tuple) else ()
        return (
            isinstance(value, tuple)
            and len(value) == len(args)
            and all(fits(one, arg) for one, arg in zip(value, args, strict=True))
        )
    if origin is dict:
        key, held = args
        return isinstance(value, dict) and all(
            fits(k, key) and fits(v, held) for k, v in value.items()
        )
    if hint is Any:
        return True
    if hint is float:
        return isinstance(value, float | int) and not isinstance(value, bool)
    return (
        type(value) is hint if hint in (int, bool, str) else isinstance(value, hint or type(None))
    )
