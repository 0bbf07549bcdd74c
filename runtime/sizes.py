"""Sizes as polynomials in a run's free sizes: plain data that an artifact can hold."""

from collections.abc import Mapping

Polynomial = tuple[tuple[float, tuple[str, ...]], ...]
"""Pairs of a coefficient and the names that it multiplies."""

ONE: Polynomial = ((1.0, ()),)


def evaluate(dim: Polynomial, sizes: Mapping[str, int]) -> float | None:
    """Return a dim's value, or None while a name in it is not bound."""
    total = 0.0
    for factor, names in dim:
        for name in names:
            if name not in sizes:
                return None
            factor = factor * sizes[name]
        total = total + factor
    return total
