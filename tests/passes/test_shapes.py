"""Shapes and sizes against brute force: NumPy's broadcasting, sets of positions, plain integers."""

import itertools
from fractions import Fraction

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from revc.grammar.span import Span
from revc.ir.dims import Dim
from revc.ir.expr import At, Place, Slice
from revc.passes.analysis.shapes import apart, broadcast, fits, indexed

AT = Span("<test>", 1, 1, 1, 1)
SIZE = 6
shapes = st.lists(st.sampled_from([1, 2, 3]), max_size=3).map(tuple)


def dims(shape: tuple[int, ...]) -> tuple[Dim, ...]:
    return tuple(Dim.of(n) for n in shape)


@given(shapes, shapes)
def test_broadcasting_is_numpys(one: tuple[int, ...], two: tuple[int, ...]) -> None:
    try:
        expected = dims(np.broadcast_shapes(one, two))
    except ValueError:
        expected = None
    assert broadcast(dims(one), dims(two)) == expected
    assert fits(dims(one), dims(two)) == (expected == dims(two))


bounds = st.tuples(st.integers(0, SIZE), st.integers(0, SIZE)).map(sorted)
entries = st.one_of(
    st.integers(0, SIZE - 1).map(lambda k: At(span=AT, position=Dim.of(k))),
    bounds.map(lambda b: Slice(span=AT, lo=Dim.of(b[0]), hi=Dim.of(b[1]))),
    st.integers(0, SIZE).map(lambda k: Slice(span=AT, lo=Dim.of(k), hi=None)),
)
places = st.tuples(entries, entries).map(lambda index: Place(span=AT, name="x", index=index))


def positions(place: Place) -> set[tuple[int, ...]]:
    axes = []
    for item in place.index:
        if isinstance(item, At):
            axes.append([item.position.integer])
        else:
            hi = SIZE if item.hi is None else item.hi.integer
            axes.append(list(range(item.lo.integer or 0, hi or 0)))
    return set(itertools.product(*axes))  # type: ignore[arg-type]


@given(places, places)
def test_places_that_are_apart_share_nothing(one: Place, two: Place) -> None:
    if apart(one, two):
        assert not positions(one) & positions(two)


@given(places, places)
def test_places_that_meet_are_not_apart(one: Place, two: Place) -> None:
    if positions(one) & positions(two):
        assert not apart(one, two)


@given(places)
def test_an_index_leaves_its_positions(place: Place) -> None:
    left = indexed((Dim.of(SIZE), Dim.of(SIZE)), place.index)
    count = 1
    for dim in left:
        count *= dim.integer or 0
    assert count == len(positions(place))


polynomials = st.recursive(
    st.one_of(st.sampled_from("nm").map(Dim.of), st.integers(-3, 3).map(Dim.of)),
    lambda inner: st.tuples(st.sampled_from("+-*/"), inner, inner).map(
        lambda t: {"+": t[1] + t[2], "-": t[1] - t[2], "*": t[1] * t[2], "/": t[1] / 2}[t[0]]
    ),
    max_leaves=6,
)


def at(dim: Dim, n: int, m: int) -> Fraction:
    value = dim.substitute({"n": n, "m": m}).constant
    assert value is not None
    return value


@given(polynomials, polynomials, st.integers(1, 5), st.integers(1, 5))
def test_dims_compute_as_numbers_do(one: Dim, two: Dim, n: int, m: int) -> None:
    assert at(one + two, n, m) == at(one, n, m) + at(two, n, m)
    assert at(one - two, n, m) == at(one, n, m) - at(two, n, m)
    assert at(one * two, n, m) == at(one, n, m) * at(two, n, m)
    assert (one - two == Dim()) == (one == two)
