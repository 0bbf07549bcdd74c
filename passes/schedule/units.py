"""What plans print: sizes in bytes, or with a unit, and columns."""

import re
from collections.abc import Sequence
from fractions import Fraction

from revc.errors import ScheduleError

MOST_BYTES = 2**48
"""The most that one size may be."""
UNIT_BYTES = {
    "": 1, "B": 1,
    "kB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12,
    "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40,
}  # fmt: skip
_FORM = re.compile(r"([0-9]{1,20}(?:\.[0-9]{1,20})?) ?([A-Za-z]*)")


def parse_bytes(text: str) -> int:
    """Return the bytes of ``512MiB``, ``1.5 GB`` or ``4096``, rounded down.

    Raises:
        ScheduleError: it is no size, or more than 256 TiB.
    """
    found = _FORM.fullmatch(text.strip(), 0)
    units = {name.lower(): size for name, size in UNIT_BYTES.items()}
    if found is None or found[2].lower() not in units:
        raise ScheduleError(f"{text!r} is no size: give bytes, or a unit as in 512MiB or 1.5GB")
    size = int(Fraction(found[1]) * units[found[2].lower()])
    if size > MOST_BYTES:
        raise ScheduleError(f"{text!r} is more memory than any machine has")
    return size


def show_bytes(size: int) -> str:
    """Return a size in four digits with its unit; below 10,000 as it is."""
    if size < 10_000:
        return str(size)
    power = min(4, (size.bit_length() - 1) // 10)
    return f"{size / 2 ** (10 * power):.4g} {('', 'KiB', 'MiB', 'GiB', 'TiB')[power]}"


def columns(lines: Sequence[Sequence[str]]) -> str:
    """Return lines of cells in columns, as wide as their widest cell."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    text = ("  ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)) for line in lines)
    return "\n".join(line.rstrip() for line in text)
