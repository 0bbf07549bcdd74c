"""Headers from bytes that nobody vouches for: one reader, one error.

A header is JSON in the one form that this module writes: keys sorted, no spaces, integers, words,
lists and objects. Anything else is a `DamagedTapeError`, whatever it would have raised on the way.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from revc.runtime.bits.errors import DamagedTapeError

LONGEST = 1 << 24
"""Bytes of a header at most."""
LARGEST = 1 << 62
"""Numbers of a header are below."""


def encode(fields: Mapping[str, Any]) -> bytes:
    """Return a header's bytes."""
    return json.dumps(fields, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def decode(body: bytes) -> Fields:
    """Return the fields of a header.

    Raises:
        DamagedTapeError: `encode` gives no such bytes.
    """
    try:
        found = json.loads(body)
        same = isinstance(found, dict) and encode(found) == body
    except (ValueError, RecursionError) as error:
        raise DamagedTapeError(f"the header cannot be read: {error}") from error
    if not same:
        raise DamagedTapeError("the header is not one that was written")
    return Fields(found)


class Fields:
    """The fields of a header, each asked for by name and kind.

    Every getter raises DamagedTapeError for a field that is missing or of another kind.
    """

    def __init__(self, values: Mapping[str, Any]) -> None:
        self.values = dict(values)

    def only(self, names: Sequence[str]) -> None:
        """Check that there are these fields and no others."""
        if set(self.values) != set(names):
            odd = sorted(set(self.values) ^ set(names))
            raise DamagedTapeError(f"the header has other fields than were written: {odd[0]!r}")

    def text(self, name: str) -> str:
        """Return a word."""
        return self._get(name, "a word", lambda v: isinstance(v, str))

    def flag(self, name: str) -> bool:
        """Return true or false."""
        return self._get(name, "true or false", lambda v: isinstance(v, bool))

    def count(self, name: str, least: int = 0, below: int = LARGEST) -> int:
        """Return an integer in [least, below)."""
        what = f"an integer from {least}"
        return self._get(name, what, lambda v: is_integer(v) and least <= v < below)

    def counts(self, name: str, least: int = 0) -> dict[str, int]:
        """Return integers from `least` on, by name."""
        return self._get(
            name, f"integers from {least} by name",
            lambda v: isinstance(v, dict) and all(is_count(n, least) for n in v.values()),
        )  # fmt: skip

    def words(self, name: str) -> dict[str, str]:
        """Return words by name."""
        return self._get(
            name, "words by name",
            lambda v: isinstance(v, dict) and all(isinstance(w, str) for w in v.values()),
        )  # fmt: skip

    def integers(self, name: str) -> list[int] | None:
        """Return a list of int64 values, or None for null."""
        return self._get(name, "a list of int64 values", lambda v: v is None or is_int64s(v))

    def _get(self, name: str, what: str, good: Callable[[Any], bool]) -> Any:
        value = self.values.get(name)
        if name not in self.values or not good(value):
            raise DamagedTapeError(f"the header's {name} is not {what}")
        return value


def is_integer(value: Any) -> bool:
    """Say whether a value is an int, and no bool."""
    return isinstance(value, int) and not isinstance(value, bool)


def is_count(value: Any, least: int = 0) -> bool:
    """Say whether a value is an integer in [least, LARGEST)."""
    return is_integer(value) and least <= value < LARGEST


def is_int64s(value: Any) -> bool:
    """Say whether a value is a list of int64 values."""
    ends = (-(1 << 63), 1 << 63)
    return isinstance(value, list) and all(is_integer(n) and ends[0] <= n < ends[1] for n in value)
