"""Symbolic values of registers: sums of terms, exact under wrap-around addition.

A value is a sum of whole multiples of terms. Terms are nested tuples without places in the file, so
equal terms are equal tuples:

    ("in", name)                   what an input register held at the start
    ("expr", key)                  the value of an expression, with what its reads held put in
    ("part", value, move, k)       the k-th part of a value that was split
    ("moved", values, move)        parts that were joined, or a value whose elements were reordered
    ("call", key, values, k)       the k-th result of a call on `values`
"""

from collections.abc import Hashable, Mapping

from revc.ir.expr import Elementwise, Expr, NetCall, Number, Place, Read, Slice
from revc.passes.analysis.closed_form import BINARY, UNARY

Value = frozenset[tuple[Hashable, int]]
ZERO: Value = frozenset()


def atom(term: Hashable) -> Value:
    """Return the value that is one term."""
    return frozenset({(term, 1)})


def add(one: Value, two: Value, times: int = 1) -> Value:
    """Return ``one + times * two``."""
    total = dict(one)
    for term, count in two:
        total[term] = total.get(term, 0) + times * count
    return frozenset((term, count) for term, count in total.items() if count)


def of_expr(expr: Expr, held: Mapping[str, Value]) -> Value:
    """Return the value of an expression, where registers hold `held`; 0 is the empty sum.

    A read is a term of its own, not the sum that is read: a float cannot hold every lattice value,
    so reading rounds.
    """
    if isinstance(expr, Number) and expr.value == 0.0:
        return ZERO
    return atom(("expr", _key(expr, held)))


def _key(expr: Expr, held: Mapping[str, Value]) -> Hashable:
    match expr:
        case Number():
            return "number", expr.value
        case Read():
            return (
                "read",
                held.get(expr.place.name, atom(("in", expr.place.name))),
                _index(expr.place),
            )
        case Elementwise():
            return expr.function, *(_key(arg, held) for arg in expr.args)
        case NetCall():
            return "net", expr.slot, *(_key(arg, held) for arg in expr.args)
    raise TypeError(type(expr))


def _index(place: Place) -> Hashable:
    return tuple(
        (item.lo, item.hi) if isinstance(item, Slice) else item.position for item in place.index
    )


def inputs(value: Value) -> frozenset[str]:
    """Return the input registers that a value depends on."""
    return frozenset(_inputs(value))


def _inputs(node: Hashable) -> set[str]:
    if isinstance(node, tuple) and len(node) == 2 and node[0] == "in":
        return {str(node[1])}
    if isinstance(node, tuple | frozenset):
        return {name for item in node for name in _inputs(item)}
    return set()


def evaluate(value: Value, values: Mapping[str, float]) -> float | None:
    """Return a value where the inputs hold numbers; None when it depends on a net or a move."""
    total = 0.0
    for term, count in value:
        number = _term(term, values)
        if number is None:
            return None
        total += count * number
    return total


def _term(term: Hashable, values: Mapping[str, float]) -> float | None:
    match term:
        case ("in", str(name)):
            return values[name]
        case ("expr", tuple(key)):
            return _number(key, values)
    return None


def _number(key: tuple[Hashable, ...], values: Mapping[str, float]) -> float | None:
    match key:
        case ("number", float(number)):
            return number
        case ("read", frozenset() as value, ()):
            return evaluate(value, values)
        case (str(name), *args) if name in UNARY or name in BINARY:
            numbers = [_number(arg, values) for arg in args if isinstance(arg, tuple)]
            known = [number for number in numbers if number is not None]
            if len(known) != len(args):
                return None
            return UNARY[name](*known) if name in UNARY else BINARY[name](*known)
    return None
