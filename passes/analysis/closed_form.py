"""Closed forms: expressions without nets or slices, as functions of plain numbers."""

import math
from collections.abc import Callable, Mapping

from revc.ir.expr import Elementwise, Expr, NetCall, Number, Read, walk

Values = Mapping[str, float]

UNARY: dict[str, Callable[[float], float]] = {
    "neg": lambda x: -x,
    "tan": math.tan,
    "sin": math.sin,
    "cos": math.cos,
    "exp": math.exp,
    "log": math.log,
    "tanh": math.tanh,
    "sigmoid": lambda x: 0.5 * (1 + math.tanh(x / 2)),
    "softplus": lambda x: max(x, 0.0) + math.log1p(math.exp(-abs(x))),
    "relu": lambda x: max(x, 0.0),
    "gelu": lambda x: x * 0.5 * (1 + math.erf(x / math.sqrt(2))),
    "silu": lambda x: x * 0.5 * (1 + math.tanh(x / 2)),
    "softsign": lambda x: x / (1 + abs(x)),
    "sqrt": math.sqrt,
    "abs": abs,
}
BINARY: dict[str, Callable[[float, float], float]] = {
    "add": lambda x, y: x + y,
    "sub": lambda x, y: x - y,
    "mul": lambda x, y: x * y,
    "div": lambda x, y: x / y,
}


def is_closed(expr: Expr) -> bool:
    """Say whether `expr` is made of numbers, whole registers and elementwise functions alone."""
    for node in walk(expr):
        if isinstance(node, NetCall) or (isinstance(node, Read) and node.place.index):
            return False
        if isinstance(node, Number) and not isinstance(node.value, float):
            return False
    return True


def evaluate(expr: Expr, values: Values) -> float:
    """Return the value of a closed form where the registers hold `values`.

    Raises:
        ArithmeticError, ValueError: it has none there (a logarithm of a negative number, say).
    """
    match expr:
        case Number():
            assert isinstance(expr.value, float)
            return expr.value
        case Read():
            return values[expr.place.name]
        case Elementwise():
            args = [evaluate(arg, values) for arg in expr.args]
            if len(args) == 1:
                return UNARY[expr.function](args[0])
            return BINARY[expr.function](args[0], args[1])
    raise TypeError(f"{type(expr).__name__} is no closed form")
