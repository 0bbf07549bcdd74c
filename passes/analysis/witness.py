"""Search for two states that a map sends to one: the witness that it has no inverse.

A map that is one to one has a Jacobian whose determinant never changes its sign. Where it does,
the map folds: close to the fold, on both sides along the direction that the Jacobian kills, points
meet. So the search looks for a change of sign on a grid, bisects to the fold, walks to both sides,
brings the far point to the near one's image by Newton steps, shrinks the near point to few digits,
and checks the pair on the lattice itself, in integers.
"""

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

Point = tuple[float, ...]
Map = Callable[[Point], Point]
Raw = tuple[int, ...]

GRID = tuple(0.15 + 0.4 * k for k in range(-6, 6))
"""The values of each number between which folds are looked for."""
_STEP = 1e-6
_TIE = 1e-6  # how close to half a lattice step an output may come: floats settle no tie


@dataclass(frozen=True, slots=True)
class Collision:
    """Two different raw states and the raw state that both become."""

    first: Raw
    second: Raw
    image: Raw


def find_collision(f: Map, n: int, fraction_bits: int) -> Collision | None:
    """Return two states of `n` lattice numbers that `f` sends to one, or None if none is found.

    What is found is exact: `f` is rounded to the lattice, half to even, and compared as integers.
    """
    for fold in _folds(f, n):
        for near, far in _pairs(f, fold):
            found = _on_lattice(f, near, far, fraction_bits)
            if found is not None:
                return found
    return None


# --- the real map -------------------------------------------------------------------------------


def _folds(f: Map, n: int) -> Iterator[Point]:
    """Yield points where the Jacobian's determinant changes its sign, nearest to 0 first."""
    points = sorted(itertools.product(GRID, repeat=n), key=lambda p: sum(x * x for x in p))
    signs = {point: _sign(f, point) for point in points}
    for point in points:
        for axis in range(n):
            step = list(point)
            step[axis] = _next(point[axis])
            other = tuple(step)
            if signs.get(other, 0) * signs[point] < 0:
                yield _bisect(f, point, other)


def _next(value: float) -> float:
    at = GRID.index(value) + 1
    return GRID[at] if at < len(GRID) else math.inf


def _sign(f: Map, point: Point) -> int:
    """Return the sign of the determinant at `point`, 0 where the map has no value."""
    try:
        value = _determinant(_jacobian(f, point))
    except (ArithmeticError, ValueError):
        return 0
    return 0 if math.isnan(value) else (value > 0) - (value < 0)


def _bisect(f: Map, low: Point, high: Point) -> Point:
    sign = _sign(f, low)
    for _ in range(40):
        middle = tuple((a + b) / 2 for a, b in zip(low, high, strict=True))
        if _sign(f, middle) == sign:
            low = middle
        else:
            high = middle
    return low


def _jacobian(f: Map, point: Point) -> list[list[float]]:
    columns = []
    for axis in range(len(point)):
        up, down = list(point), list(point)
        up[axis] += _STEP
        down[axis] -= _STEP
        high, low = f(tuple(up)), f(tuple(down))
        columns.append([(a - b) / (2 * _STEP) for a, b in zip(high, low, strict=True)])
    return [list(row) for row in zip(*columns, strict=True)]


def _determinant(matrix: list[list[float]]) -> float:
    if len(matrix) == 1:
        return matrix[0][0]
    return sum(
        (-1) ** k * matrix[0][k] * _determinant([row[:k] + row[k + 1 :] for row in matrix[1:]])
        for k in range(len(matrix))
    )


def _kernel(matrix: list[list[float]]) -> Point:
    """Return a direction that a singular matrix kills: the longest row of its cofactors."""
    n = len(matrix)
    if n == 1:
        return (1.0,)
    rows = [_cofactors(matrix, row) for row in range(n)]
    best = max(rows, key=lambda row: sum(x * x for x in row))
    length = math.sqrt(sum(x * x for x in best)) or 1.0
    return tuple(x / length for x in best)


def _cofactors(matrix: list[list[float]], row: int) -> list[float]:
    others = matrix[:row] + matrix[row + 1 :]
    return [
        (-1) ** (row + k) * _determinant([line[:k] + line[k + 1 :] for line in others])
        for k in range(len(matrix))
    ]


def _pairs(f: Map, fold: Point) -> Iterator[tuple[Point, Point]]:
    """Yield pairs of points with one image, from both sides of a fold, simple ones first."""
    direction = _kernel(_jacobian(f, fold))
    for reach in (0.5, 0.25, 1.0, 0.1):
        for side in (1, -1):
            near = tuple(x + side * reach * d for x, d in zip(fold, direction, strict=True))
            far = tuple(x - side * reach * d for x, d in zip(fold, direction, strict=True))
            yield from _shrunk(f, near, far, reach)


def _shrunk(f: Map, near: Point, far: Point, reach: float) -> Iterator[tuple[Point, Point]]:
    """Yield the pair with its near point rounded to few digits, as few as still work first."""
    for digits in (0, 1, 2, 5):
        start = tuple(round(x, digits) + 0.0 for x in near)
        try:
            end = _newton(f, far, f(start))
        except (ArithmeticError, ValueError):
            continue
        if end is not None and math.dist(start, end) > reach / 4:
            yield start, end


def _newton(f: Map, point: Point, image: Point) -> Point | None:
    """Return a point near `point` that `f` sends to `image`, or None."""
    for _ in range(40):
        off = [a - b for a, b in zip(f(point), image, strict=True)]
        if max(abs(x) for x in off) < 1e-12:
            return point
        step = _solve(_jacobian(f, point), off)
        if step is None or max(abs(x) for x in step) > 4:
            return None
        point = tuple(x - s for x, s in zip(point, step, strict=True))
    return None


def _solve(matrix: list[list[float]], right: Sequence[float]) -> Point | None:
    """Return the solution of a small linear system by Cramer's rule."""
    whole = _determinant(matrix)
    if abs(whole) < 1e-9:
        return None
    columns = range(len(matrix))
    return tuple(
        _determinant([[*row[:k], r, *row[k + 1 :]] for row, r in zip(matrix, right, strict=True)])
        / whole
        for k in columns
    )


# --- the lattice --------------------------------------------------------------------------------


def _on_lattice(f: Map, near: Point, far: Point, bits: int) -> Collision | None:
    """Return a collision of raw states close to two points with one image."""
    n = len(near)
    first, second = _round(near, bits), _round(far, bits)
    around = sorted(itertools.product(range(-3, 4), repeat=n), key=lambda o: sum(map(abs, o)))
    images = {
        image: raw
        for raw in (_moved(second, offset) for offset in reversed(around))
        if (image := rounded(f, raw, bits)) is not None
    }
    for offset in around:
        raw = _moved(first, offset)
        image = rounded(f, raw, bits)
        if image in images and images[image] != raw:
            return Collision(raw, images[image], image)
    return None


def _moved(raw: Raw, offset: Raw) -> Raw:
    return tuple(a + b for a, b in zip(raw, offset, strict=True))


def _round(point: Point, bits: int) -> Raw:
    return tuple(round(x * 2**bits) for x in point)


def rounded(f: Map, raw: Raw, bits: int) -> Raw | None:
    """Return the raw image of a raw state, or None where it is too close to a tie to tell."""
    try:
        image = [x * 2**bits for x in f(tuple(r / 2**bits for r in raw))]
    except (ArithmeticError, ValueError):
        return None
    if any(math.isnan(x) or abs(x - math.floor(x) - 0.5) < _TIE for x in image):
        return None
    return tuple(round(x) for x in image)
