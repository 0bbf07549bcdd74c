"""Lipschitz bounds of expressions: how much further apart values can get than what they read.

Distances are Euclidean, an example at a time. A bound is certain, and not the least: products of
bounds along a path, sums over paths. Source: Szegedy et al., Intriguing Properties of Neural
Networks (2014), section 4.3; Behrmann et al., Invertible Residual Networks (2019), section 2.
"""

import math
from collections.abc import Callable

from revc.ir.expr import Elementwise, Expr, NetCall, Read
from revc.ir.nets import Builtin
from revc.passes.analysis.interval import bounds

INF = math.inf
NetBound = Callable[[NetCall], float]
"""Returns how much further apart a net's values can get than its inputs, `INF` if unknown."""

_SLOPES = {
    "neg": 1.0, "tanh": 1.0, "sigmoid": 0.25, "sin": 1.0, "cos": 1.0, "softsign": 1.0,
    "softplus": 1.0, "relu": 1.0, "abs": 1.0, "gelu": 1.13, "silu": 1.1,
}  # fmt: skip
"""The steepest slopes of elementwise functions, rounded up."""


NetWeights = Callable[[str, Builtin], float]
"""Returns a bound of a built-in net of a body by its name; see `revc.audit.weights`."""


def unknown(_: NetCall) -> float:
    """Bound no net."""
    return INF


def lipschitz(expr: Expr, register: str, net: NetBound = unknown) -> float:
    """Return a bound for `expr` as a function of a register, `INF` if none is known.

    Args:
        expr: what is bounded; other registers that it reads are held fast.
        register: the name of the one that moves.
        net: what is known of nets.
    """
    if isinstance(expr, Read):
        return 1.0 if expr.place.name == register else 0.0
    if not isinstance(expr, Elementwise | NetCall):
        return 0.0
    parts = [lipschitz(arg, register, net) for arg in expr.args]
    if not any(parts):
        return 0.0
    if isinstance(expr, NetCall):  # its inputs stand beside one another
        return net(expr) * math.hypot(*parts)
    repeated = any(
        part and arg.shape != expr.shape for part, arg in zip(parts, expr.args, strict=True)
    )
    return INF if repeated else _elementwise(expr, parts)


def _elementwise(expr: Elementwise, parts: list[float]) -> float:
    if expr.function in _SLOPES:
        return _SLOPES[expr.function] * parts[0]
    match expr.function:
        case "add" | "sub":
            return sum(parts)
        case "mul":
            one, two = map(_most, expr.args)
            return _times(two, parts[0]) + _times(one, parts[1])
        case "div":
            least = _least(expr.args[1])
            above = _times(_most(expr.args[0]), parts[1])
            return _over(parts[0], least) + _over(above, least * least)
        case "exp":
            return _times(_exp(bounds(expr.args[0])[1]), parts[0])
        case "log":
            return _over(parts[0], max(0.0, bounds(expr.args[0])[0]))
        case "sqrt":
            return _over(parts[0], 2 * math.sqrt(max(0.0, bounds(expr.args[0])[0])))
    return INF


def _most(expr: Expr) -> float:
    return max(map(abs, bounds(expr)))


def _least(expr: Expr) -> float:
    low, high = bounds(expr)
    return max(0.0, low, -high)


def _exp(value: float) -> float:
    return math.exp(value) if value < 700 else INF


def _times(one: float, two: float) -> float:
    return 0.0 if one == 0 or two == 0 else one * two


def _over(above: float, below: float) -> float:
    return 0.0 if above == 0 else above / below if below > 0 else INF
