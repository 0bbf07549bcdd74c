"""Sizes as polynomials in a run's free sizes: plain data that an artifact can hold."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import lcm
from typing import Literal

Polynomial = tuple[tuple[int, int, tuple[str, ...]], ...]
"""Terms: numerator and denominator of a coefficient, and the names that it multiplies."""

ONE: Polynomial = ((1, 1, ()),)


def evaluate(dim: Polynomial, sizes: Mapping[str, int]) -> int | float | None:
    """Return a dim's value, an int where it is whole, or None while a name in it is not bound."""
    found = scaled(dim, sizes)
    if found is None:
        return None
    above, below = found
    return above / below if above % below else above // below


def scaled(dim: Polynomial, sizes: Mapping[str, int]) -> tuple[int, int] | None:
    """Return a dim's value as a numerator and a positive denominator, or None; see `evaluate`.

    Integers alone: they are exact, and torch.compile traces them.
    """
    whole = lcm(*(below for _, below, _ in dim))
    total = 0
    for above, below, names in dim:
        factor = above * (whole // below)
        for name in names:
            if name not in sizes:
                return None
            factor = factor * sizes[name]
        total = total + factor
    return total, whole


@dataclass(frozen=True)
class Need:
    """What a program needs of its free sizes, that no shape says.

    `value` has to be a whole number, at least 0, or another number than 0, as `kind` says; but only
    where the loops around it have turns: where each of `turns` is at least 1. `text` says what the
    value is, and where.
    """

    kind: Literal["whole", "least", "other"]
    value: Polynomial
    turns: tuple[Polynomial, ...]
    text: str

    def met(self, sizes: Mapping[str, int]) -> bool:
        """Say whether sizes fit; those that are not all known yet do."""
        counts = [evaluate(count, sizes) for count in self.turns]
        found = scaled(self.value, sizes)
        if found is None or any(count is None or count < 1 for count in counts):
            return True
        above, below = found
        if self.kind == "whole":
            return above % below == 0
        return above >= 0 if self.kind == "least" else above != 0

    def told(self, sizes: Mapping[str, int]) -> str:
        """Return what is wrong where sizes do not fit."""
        names = sorted({name for _, _, names in self.value for name in names})
        given = ", ".join(f"{name} = {sizes[name]}" for name in names)
        return f"{self.text}, where {given}"
