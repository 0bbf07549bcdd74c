"""Lay out expressions, types and parameters."""

from collections.abc import Callable, Iterable
from typing import Any

from revc.grammar import ast
from revc.grammar.layout import Doc, bracket, listed, text

_LEVELS = {"+": 1, "-": 1, "*": 2, "/": 2}
_NEG, _ATOM = 3, 4


def expression(expr: ast.Expr | ast.Dots | ast.Range | ast.At) -> Doc:
    """Return an expression, or one entry of a slice."""
    return _PRINTERS[expr.kind](expr)


def addend(expr: ast.Expr) -> Doc:
    """Return the value of an update, where the outermost product is always spaced."""
    return _binary(expr, loose=True) if isinstance(expr, ast.Binary) else expression(expr)


def arguments(args: Iterable[ast.Arg]) -> Doc:
    """Return arguments in round brackets."""
    return bracket("()", _each(args))


def generic_arguments(args: Iterable[ast.Arg]) -> Doc:
    """Return a block call's arguments in angle brackets, or nothing when there are none."""
    shown = [_apart(value) for value in _each(args)]
    return bracket("<>", shown) if shown else text("")


def _each(args: Iterable[ast.Arg]) -> list[Doc]:
    """Return each argument; a loop, since a frame a level is what deep calls can afford."""
    shown = []
    for arg in args:
        value = expression(arg.value)
        shown.append(text(f"{arg.name} = ", value) if arg.name else value)
    return shown


def type_of(node: ast.Type) -> Doc:
    """Return a type."""
    numerics = numerics_of(node.numerics) if node.numerics else ""
    return text(numerics, bracket("[]", [expression(dim) for dim in node.dims]))


def numerics_of(node: ast.Numerics) -> Doc:
    """Return numerics, as in `lattice(Q12.20)`."""
    if node.kind == "lattice":
        return text(f"lattice(Q{node.integer_bits}.{node.fraction_bits})")
    if node.kind == "label" and node.size is not None:
        return text("label", bracket("()", [expression(node.size)], comma=False))
    return text(node.kind)


def parameters(params: Iterable[ast.Param]) -> Doc:
    """Return parameters or results in round brackets."""
    return bracket("()", [_parameter(param) for param in params])


def torch_of(node: ast.Torch) -> Doc:
    """Return a torch module; no arguments and an empty list of them are the same."""
    shown = text(f'torch "{node.target}"')
    return text(shown, arguments(node.args)) if node.args else shown


def _parameter(param: ast.Param) -> Doc:
    given = "given " if param.given else ""
    return text(given + param.name, *((": ", type_of(param.type)) if param.type else ()))


def _apart(value: Doc) -> Doc:
    """Put brackets around a value that begins with `-`, which would make an arrow of `<`."""
    return text("(", value, ")") if value.flat.startswith("-") else value


def _at_level(expr: ast.Expr, level: int) -> Doc:
    """Return `expr`, in brackets if it binds less than `level`."""
    shown = expression(expr)
    return shown if _level(expr) >= level else bracket("()", [shown], comma=False)


def _level(expr: ast.Expr) -> int:
    if isinstance(expr, ast.Binary):
        return _LEVELS[expr.op]
    return _NEG if isinstance(expr, ast.Neg) else _ATOM


def _binary(expr: ast.Binary, loose: bool = False) -> Doc:
    """Return an operation; products of plain names and numbers are written without spaces."""
    level = _LEVELS[expr.op]
    left, right = _at_level(expr.left, level), _at_level(expr.right, level + 1)
    tight = not loose and level == 2 and _is_plain(left.flat) and _is_plain(right.flat)
    return text(left, expr.op if tight else f" {expr.op} ", right)


def _is_plain(shown: str) -> bool:
    """Say whether a product's side is short to read: nothing but names and numbers, no calls."""
    return not any(mark in shown for mark in "([ ")


def _list(expr: ast.ListExpr) -> Doc:
    items = list(map(expression, expr.items))
    if expr.bracket == "[":
        return bracket("[]", items)
    return text("(", items[0], ",)") if len(items) == 1 else bracket("()", items)


def _range(expr: ast.Range) -> Doc:
    ends = (expression(end) if end else text("") for end in (expr.lo, expr.hi))
    return text(next(ends), ":", next(ends))


_PRINTERS: dict[str, Callable[[Any], Doc]] = {
    "num": lambda expr: text(expr.text),
    "bool": lambda expr: text("true" if expr.value else "false"),
    "str": lambda expr: text(f'"{expr.value}"'),
    "name": lambda expr: text(expr.id),
    "neg": lambda expr: text("-", _at_level(expr.operand, _NEG)),
    "binary": _binary,
    "call": lambda expr: text(expr.func, arguments(expr.args)),
    "list": _list,
    "index": lambda expr: text(
        expr.base.id, bracket("[]", [expression(item) for item in expr.items], comma=False)
    ),
    "dots": lambda expr: text(".."),
    "range": _range,
    "at": lambda expr: expression(expr.value),
    "torch": torch_of,
}

__all__ = [
    "addend",
    "arguments",
    "expression",
    "generic_arguments",
    "listed",
    "numerics_of",
    "parameters",
    "torch_of",
    "type_of",
]
