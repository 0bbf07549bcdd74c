"""Interval bounds of expressions: what is known of a value without running any net."""

import math
from collections.abc import Mapping

from revc.ir.expr import Elementwise, Expr, Number, Read

Interval = tuple[float, float]
_INF = math.inf
_RANGES: dict[str, Interval] = {
    "sigmoid": (0.0, 1.0), "tanh": (-1.0, 1.0), "sin": (-1.0, 1.0), "cos": (-1.0, 1.0),
    "softsign": (-1.0, 1.0), "exp": (0.0, _INF), "softplus": (0.0, _INF), "relu": (0.0, _INF),
    "sqrt": (0.0, _INF), "abs": (0.0, _INF),
}  # fmt: skip


def bounds(expr: Expr, known: Mapping[str, Interval] = {}) -> Interval:
    """Return numbers that `expr` certainly lies between, ends included.

    `known` has the bounds of some registers; any other may hold any number.
    """
    if isinstance(expr, Number):
        if not isinstance(expr.value, float):
            return -_INF, _INF
        return expr.value, expr.value
    if isinstance(expr, Read):
        return known.get(expr.place.name, (-_INF, _INF))
    if not isinstance(expr, Elementwise):
        return -_INF, _INF
    args = [bounds(arg, known) for arg in expr.args]
    if expr.function in _RANGES:
        return _RANGES[expr.function]
    match expr.function:
        case "neg":
            return -args[0][1], -args[0][0]
        case "add":
            return args[0][0] + args[1][0], args[0][1] + args[1][1]
        case "sub":
            return args[0][0] - args[1][1], args[0][1] - args[1][0]
        case "mul":
            return _product(args[0], args[1])
        case "div" if args[1][0] > 0 or args[1][1] < 0:
            return _product(args[0], (1 / args[1][1], 1 / args[1][0]))
    return -_INF, _INF


def _product(one: Interval, two: Interval) -> Interval:
    ends = [_times(a, b) for a in one for b in two]
    return min(ends), max(ends)


def _times(a: float, b: float) -> float:
    return 0.0 if a == 0 or b == 0 else a * b
