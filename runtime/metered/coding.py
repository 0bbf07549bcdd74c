"""How a value is coded, as one line of text that graphs and operators carry.

>>> Coding.parse("logistic kind=lattice fraction=20 width=32 step=0.0625 residue=carry").unit
65536
"""

from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import lru_cache

import torch

from revc.errors import InternalError
from revc.runtime.lattice import INTEGERS


@dataclass(frozen=True)
class Coding:
    """A distribution's family and settings, and how its values are held.

    `kind` is lattice, float32 or label; `fraction` and `width` are those of a lattice. `size` is
    the number of labels, `p` the rate of a dropout. `residue` says what becomes of a value's
    distance from its index: ``carry``, ``write``, ``drop`` (charged `drop` bits) or ``none``.
    """

    family: str
    kind: str
    fraction: int = 0
    width: int = 0
    step: float = 1.0
    components: int = 1
    size: int = 0
    p: float = 0.0
    residue: str = "none"
    drop: int = 0

    @property
    def unit(self) -> int:
        """Raw lattice units in a step of the index."""
        return round(self.step * 2**self.fraction)

    @property
    def dtype(self) -> torch.dtype:
        """What the values are held in."""
        if self.kind == "lattice":
            return INTEGERS[self.width]
        return torch.int64 if self.kind == "label" else torch.float32

    def text(self) -> str:
        """Return the line; defaults are left out."""
        given = [
            f"{f.name}={getattr(self, f.name)}"
            for f in fields(self)
            if f.name != "family" and getattr(self, f.name) != f.default
        ]
        return " ".join((self.family, *given))

    @staticmethod
    def parse(text: str) -> "Coding":
        """Return what `text` gave.

        Raises:
            InternalError: the line is none of ours.
        """
        return _parse(text) if torch.compiler.is_compiling() else _parsed(text)


_KINDS: dict[str, Callable[[str], int | float | str]] = {
    "kind": str, "fraction": int, "width": int, "step": float, "components": int, "size": int,
    "p": float, "residue": str, "drop": int,
}  # fmt: skip


def _parse(text: str) -> Coding:
    family, *given = text.split(" ")
    values: dict[str, int | float | str] = {}
    for item in given:
        name, value = item.split("=")
        if name not in _KINDS:
            raise InternalError(f"no setting {name!r} in coding {text!r}")
        values[name] = _KINDS[name](value)
    return Coding(family, **values)  # type: ignore[arg-type]


@lru_cache(maxsize=1024)
def _parsed(text: str) -> Coding:
    return _parse(text)
