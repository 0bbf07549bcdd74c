"""What a diagnostic finds: a number beside its bound, and the numbers that a page plots."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Finding:
    """One row of an audit.

    `met` says whether it passed, None that there was nothing to measure. `detail` tells in words
    what was found; `series` are named numbers for the page, one for each of `labels` if any.
    """

    name: str
    value: float | None
    unit: str
    target: str
    met: bool | None
    detail: str
    series: Mapping[str, Sequence[float]] = field(default_factory=dict, repr=False)
    labels: Sequence[str] = field(default=(), repr=False)

    def row(self) -> dict[str, Any]:
        """Return the finding as plain data, without its series and labels."""
        names = ("name", "value", "unit", "target", "met", "detail")
        return {name: getattr(self, name) for name in names}


def nothing(name: str, why: str) -> Finding:
    """Return the finding of a diagnostic that does not apply."""
    return Finding(name, None, "", "", None, why)
