"""Interval bounds of expressions: what is known of a value without running any net."""

import math

from revc.ir.expr import Elementwise, Expr, Number

Interval = tuple[float, float]
_INF = math.inf
_RANGES: dict[str, Interval] = {
    "sigmoid": (0.0, 1.0), "tanh": (-1.0, 1.0), "sin": (-1.0, 1.0), "cos": (-1.0, 1.0),
    "softsign": (-1.0, 1.0), "exp": (0.0, _INF), "softplus": (0.0, _INF), "relu": (0.0, _INF),
    "sqrt": (0.0, _INF), "abs": (0.0, _INF),
}  # fmt: skip


def bounds(expr: Expr) -> Interval:
    """Return numbers that `expr` certainly lies between, ends included."""
    if isinstance(expr, Number):
        known = isinstance(expr.value, float)
        return (expr.value, expr.value) if known else (-_INF, _INF)  # type: ignore[return-value]
    if not isinstance(expr, Elementwise):
        return -_INF, _INF
    args = [bounds(arg) for arg in expr.args]
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
