"""How much of a budget's unit each of its statements counts for."""

from collections.abc import Sequence
from fractions import Fraction
from functools import reduce
from operator import mul

from revc.ir.dims import Dim
from revc.ir.types import Shape
from revc.passes.analysis.sites import ONE, MeterSite


def weights(found: Sequence[MeterSite], units: tuple[str, ...]) -> list[float | None]:
    """Return how many of each site's elements count for one unit, None where a size is free.

    A site that is reached n times has n * s units and n * s * e elements. The bound allows the mean
    of s where it is shared, and the sum of n * s where it is one per valve.
    """
    valve = "valve" in units
    counts = [(site.per_step or ONE) if "step" in units else site.turns for site in found]
    sizes, each = [], []
    for site in found:
        size, elements = unit(site.shape, units), _elements(site.shape, units)
        sizes.append(size)
        each.append(elements)
    # What is the same for all need not be known.
    sizes = [ONE] * len(sizes) if len(set(sizes)) == 1 else sizes
    counts = [ONE] * len(counts) if valve and len(set(counts)) == 1 else counts
    numbers = [
        _product(n.constant, Fraction(at.times)) for n, at in zip(counts, found, strict=True)
    ]
    runs = [_product(n, s.constant) for n, s in zip(numbers, sizes, strict=True)]
    allowed, reached = _total(runs), _total(numbers)
    share = _product(allowed, ONE.constant if valve else _inverse(reached))
    return [
        _float(_product(r, e.constant, _inverse(share))) for r, e in zip(runs, each, strict=True)
    ]


def unit(shape: Shape, units: tuple[str, ...]) -> Dim:
    """Return how many units values of a shape have."""
    if "element" in units:
        return reduce(mul, shape[1:], ONE)
    return reduce(mul, shape[1:-1], ONE) if "token" in units else ONE


def _elements(shape: Shape, units: tuple[str, ...]) -> Dim:
    """Return how many elements a unit of such values has."""
    if "element" in units:
        return ONE
    if "token" in units:
        return shape[-1] if len(shape) > 1 else ONE
    return reduce(mul, shape[1:], ONE)


def _times(count: Fraction | None, number: int) -> Fraction | None:
    return None if count is None else count * number


def _product(*factors: Fraction | None) -> Fraction | None:
    known = [factor for factor in factors if factor is not None]
    return reduce(mul, known, Fraction(1)) if len(known) == len(factors) else None


def _total(terms: Sequence[Fraction | None]) -> Fraction | None:
    known = [term for term in terms if term is not None]
    return sum(known, Fraction(0)) if len(known) == len(terms) else None


def _inverse(value: Fraction | None) -> Fraction | None:
    return 1 / value if value else None


def _float(value: Fraction | None) -> float | None:
    return None if value is None else float(value)
