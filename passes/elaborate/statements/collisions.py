"""Two states that updates would send to one: what is searched, and what is said of the rest."""

from collections.abc import Sequence
from typing import NamedTuple

from revc.ir.expr import Elementwise, Expr, Place, Read, reads, size
from revc.ir.types import Lattice, RegType
from revc.passes.analysis.closed_form import evaluate, is_closed
from revc.passes.analysis.witness import GRID, Point, Raw, find_collision
from revc.passes.elaborate.scope.scope import Scope

MOST = 3  # registers that a witness is searched in: the grid grows as a power of it
LONGEST = 1000  # nodes of a value that a witness is searched for
OTHER = 0.5  # what registers hold that the statement reads and does not change
Places = Sequence[tuple[Place, RegType]]


class Sought(NamedTuple):
    """What came of a search: a collision as text, else what was searched and what was not.

    `tried` says that there was one.
    """

    collision: str | None
    note: str = ""
    tried: bool = False


def added(at: Place, kind: RegType, value: Expr, sign: int) -> Expr:
    """Return what a register becomes to which a value is added."""
    own = Read(span=at.span, place=at, shape=kind.shape)
    function = "add" if sign > 0 else "sub"
    return Elementwise(span=at.span, function=function, args=(own, value), shape=kind.shape)


def sought(scope: Scope, places: Places, values: Sequence[Expr]) -> Sought:
    """Search two lattice states that become one where all `values` are written at once."""
    values = [with_lets(scope, value) for value in values]
    numerics = places[0][1].numerics
    lets = any(read.place.name in scope.regs.lets for value in values for read in reads(value))
    if lets or not all(map(is_closed, values)) or any(at.index for at, _ in places):
        return Sought(
            None, "no collision was searched: nets, slices and long lets are not worked out"
        )
    if len(places) > MOST:
        return Sought(None, f"no collision was searched: {len(places)} registers are too many")
    if not isinstance(numerics, Lattice) or any(kind.numerics != numerics for _, kind in places):
        return Sought(None, "no collision was searched: that is done on one lattice")
    return _searched(places, values, numerics.fraction_bits)


def _searched(places: Places, values: Sequence[Expr], bits: int) -> Sought:
    names = [at.name for at, _ in places]
    others = {r.place.name: OTHER for v in values for r in reads(v) if r.place.name not in names}

    def run(point: Point) -> Point:
        held = {**others, **dict(zip(names, point, strict=True))}
        return tuple(evaluate(expr, held) for expr in values)

    found = find_collision(run, len(names), bits)
    if found is None:
        fixed = "".join(f", {name} held at {value}" for name, value in others.items())
        return Sought(
            None,
            f"no collision was found near folds of the map between {GRID[0]:g} and {GRID[-1]:g}, on"
            f" a grid of {len(GRID)} points a register{fixed}; nothing beyond was searched",
            tried=True,
        )
    one, two, image = (_text(raw, bits) for raw in (found.first, found.second, found.image))
    given = "".join(f" (with {name} = {held})" for name, held in others.items())
    return Sought(f"{one} and {two} both go to {image}{given}")


def with_lets(scope: Scope, expr: Expr) -> Expr:
    """Return `expr` with the `let` values that it reads written out, where that is not too long."""
    written = _written(scope, expr, {})
    return written if size(written) <= LONGEST else expr


def _written(scope: Scope, expr: Expr, done: dict[str, Expr]) -> Expr:
    """Write out lets; `done` has those that were, each of which is one node wherever it is read."""
    if isinstance(expr, Read) and not expr.place.index:
        name = expr.place.name
        let = scope.regs.lets.get(name)
        if let is None:
            return expr
        if name not in done:
            done[name] = _written(scope, let.value, done)
        return done[name]
    if isinstance(expr, Elementwise):
        args = tuple(_written(scope, arg, done) for arg in expr.args)
        return expr.replace(args=args)
    return expr


def _text(raw: Raw, bits: int) -> str:
    numbers = ", ".join(f"{r / 2**bits:.6g}" for r in raw)
    return f"({numbers}) [raw {', '.join(map(str, raw))}]"
