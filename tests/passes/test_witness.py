"""Collisions: those that are found are real, known ones are found, none are made up."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from revc.passes.analysis.witness import Point, find_collision, rounded


def rotation(point: Point) -> Point:
    x, y = point
    angle = 2 * math.tanh(1.5 * x)
    c, s = math.cos(angle), math.sin(angle)
    return c * x - s * y, s * x + c * y


def entangled(point: Point) -> Point:
    h = math.tanh(-sum(point))
    return tuple(x + h for x in point)


def steep(point: Point) -> Point:
    return (point[0] - 2 * math.tanh(2 * point[0]),)


def cubic(point: Point) -> Point:
    return point[0] ** 3 - point[0], point[1] + point[0]


@pytest.mark.parametrize("f", [rotation, entangled, steep, cubic])
@pytest.mark.parametrize("bits", [8, 20])
def test_a_collision_is_found_and_is_exact(f: object, bits: int) -> None:
    n = 1 if f is steep else 2
    found = find_collision(f, n, bits)  # type: ignore[arg-type]
    assert found is not None
    assert found.first != found.second
    assert rounded(f, found.first, bits) == rounded(f, found.second, bits) == found.image  # type: ignore[arg-type]
    assert all(abs(raw) < 4 * 2**bits for raw in (*found.first, *found.second))


def test_three_registers_at_once() -> None:
    found = find_collision(entangled, 3, 16)
    assert found is not None
    assert rounded(entangled, found.first, 16) == rounded(entangled, found.second, 16)


@settings(max_examples=25, deadline=None)
@given(st.floats(-0.9, 0.9), st.floats(-0.9, 0.9), st.floats(-2, 2))
def test_no_collision_is_made_up_for_a_bijection(p: float, q: float, shift: float) -> None:
    """x + p tanh(y), y + q tanh(x): |p q| < 1 keeps the determinant above 0 everywhere."""

    def f(point: Point) -> Point:
        x, y = point
        return x + p * math.tanh(y) + shift, y + q * math.tanh(x)

    assert find_collision(f, 2, 20) is None


def test_where_a_map_has_no_value_the_search_goes_on() -> None:
    assert find_collision(lambda p: (math.log(p[0]),), 1, 16) is None


def test_ties_are_not_decided_by_floats() -> None:
    assert rounded(lambda p: (p[0] + 0.5 / 2**8,), (3,), 8) is None
    assert rounded(lambda p: (p[0] + 0.25 / 2**8,), (3,), 8) == (3,)
