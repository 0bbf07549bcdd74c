"""Chains from files: one JSON object, or a header in JSON and a line for each segment."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from pydantic import ValidationError

from revc.passes.schedule.chain import Chain, Segment
from revc.passes.schedule.errors import ChainError

ANNOTATIONS = ("budgets", "optimal_extra_time", "save_everything_peak")
"""Fields of a chain that are known results: read over, since they are no part of the question."""

_WORDS = {
    "missing": "is missing",
    "extra_forbidden": "is no field of the format",
    "int_type": "must be an integer",
    "float_type": "must be a number",
    "string_type": "must be text",
    "greater_than_equal": "must not be below {ge}",
    "greater_than": "must be above {gt}",
    "less_than_equal": "is more than any machine has: the most is {le}",
    "finite_number": "must be finite",
    "literal_error": "must be one of {expected}",
    "string_too_short": "must not be empty",
    "string_too_long": "has more than {max_length} characters",
    "too_short": "must not be empty",
    "too_long": "has more than {max_length} entries",
    "tuple_type": "must be an array",
}


def read(path: str | Path) -> Chain:
    """Return the chain of a file.

    Raises:
        ChainError: it cannot be read, is no JSON, or is no chain; the place is named.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise ChainError(f"cannot read {path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise ChainError(f"{path}: byte {error.start} is not UTF-8") from error
    return parse(text, str(path))


def parse(text: str, file: str = "<string>") -> Chain:
    """Return the chain that a text describes.

    Args:
        text: a JSON object; or one with no `segments`, and below it a segment a line.
        file: what errors call the text.

    Raises:
        ChainError: see `read`.
    """
    header, end = _value(text, _blank(text, 0), file)
    if not isinstance(header, dict):
        raise ChainError(f'{file}: a chain is a JSON object, as {{"name": .., "segments": [..]}}')
    rest = _blank(text, end)
    if rest < len(text):
        if "segments" in header:
            _at(text, rest, file, "text after the chain: segments stand in it or below it")
        header["segments"] = _segments(text, rest, file)
    known = {key: value for key, value in header.items() if key not in ANNOTATIONS}
    try:
        return Chain.model_validate(known)
    except ValidationError as error:
        raise ChainError(f"{file}: {_message(error, known)}") from None


def _segments(text: str, start: int, file: str) -> list[Segment]:
    """Return the segments that stand below a header."""
    found = []
    while start < len(text):
        value, end = _value(text, start, file)
        try:
            found.append(Segment.model_validate(value))
        except ValidationError as error:
            _at(text, start, file, _message(error, value))
        start = _blank(text, end)
    return found


def _blank(text: str, start: int) -> int:
    """Return where what is not blank goes on."""
    while start < len(text) and text[start] in " \t\r\n\ufeff":
        start += 1
    return start


def _value(text: str, start: int, file: str) -> tuple[Any, int]:
    """Return the JSON value that starts at a place of a text, and where it ends."""
    decoder = json.JSONDecoder(object_pairs_hook=_once, parse_constant=_constant)
    try:
        return decoder.raw_decode(text, start)
    except json.JSONDecodeError as error:
        _at(text, error.pos, file, f"no JSON: {error.msg}")
    except RecursionError:
        _at(text, start, file, "no chain: brackets in too many brackets")
    except ValueError as error:  # of our hooks, or an integer of thousands of digits
        _at(text, start, file, str(error))


def _once(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for key, value in pairs:
        if key in made:
            raise ValueError(f"the field {key!r} is given twice")
        made[key] = value
    return made


def _constant(word: str) -> NoReturn:
    raise ValueError(f"{word} is no number that a size or a time can have")


def _at(text: str, place: int, file: str, message: str) -> NoReturn:
    line, column = text.count("\n", 0, place) + 1, place - text.rfind("\n", 0, place)
    raise ChainError(f"{file}:{line}:{column}: {message}")


def _message(error: ValidationError, given: Any) -> str:
    """Return the first thing that is wrong, in our words, with the place in the value."""
    first = error.errors(include_url=False)[0]
    where = _path(first["loc"], given)
    kind = first["type"]
    if kind in ("value_error", "model_type"):
        words = str(first["ctx"]["error"]) if kind == "value_error" else "must be a JSON object"
    else:
        words = _WORDS.get(kind, first["msg"]).format(**first.get("ctx", {}))
    return f"{where} {words}" if where and kind != "value_error" else _prefixed(where, words)


def _prefixed(where: str, words: str) -> str:
    return f"{where}: {words}" if where else words


def _path(location: Sequence[int | str], given: Any) -> str:
    """Return a place as ``segments[2].out_bytes``, with the segment's name if it has one."""
    shown, segment = "", given if "segments" not in location else None
    for step in location:
        shown += f"[{step}]" if isinstance(step, int) else f".{step}" if shown else step
        given = _inside(given, step)
        segment = given if isinstance(step, int) else segment
    name = segment.get("name") if isinstance(segment, dict) and "input_bytes" not in segment else ""
    return f"{shown} ({name})" if name and isinstance(name, str) and shown else shown


def _inside(given: Any, step: int | str) -> Any:
    if isinstance(given, dict):
        return given.get(step)
    if isinstance(given, list) and isinstance(step, int) and step < len(given):
        return given[step]
    return None
