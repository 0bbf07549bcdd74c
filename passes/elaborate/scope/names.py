"""Sizes and numbers by name: a file's dims, a block's numbers, the turns of a `repeat`."""

from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction

from revc.grammar import ast
from revc.grammar.diagnostics import Diagnostic
from revc.grammar.span import Span
from revc.ir.dims import Dim, DimError
from revc.passes.modules import Module
from revc.passes.rules.report import Findings, Reported
from revc.passes.rules.s003_unknown_argument import bad_argument
from revc.passes.rules.s005_odd_split import not_whole, odd_split
from revc.passes.rules.s006_unbound_dim import unbound_dim
from revc.passes.rules.s009_redefined_name import redefined

Names = dict[str, Dim]


def number(expr: ast.Expr, names: Mapping[str, Dim], findings: Findings) -> Dim:
    """Return the value of an expression of numbers and dims, exactly.

    Raises:
        Reported: it names something unknown, or is no polynomial in the dims.
    """
    match expr:
        case ast.Num():
            return literal(expr, findings)
        case ast.Name():
            if expr.id not in names:
                raise findings.reject(unbound_dim(expr.id, expr.span, names))
            return names[expr.id]
        case ast.Neg():
            return -number(expr.operand, names, findings)
        case ast.Binary():
            left = number(expr.left, names, findings)
            right = number(expr.right, names, findings)
            return _operate(expr, left, right, findings)
    raise findings.reject(
        bad_argument("a size", "is a number made of dims with + - * /", expr.span)
    )


def literal(expr: ast.Num, findings: Findings) -> Dim:
    """Return the value of a number as written, exactly.

    Raises:
        Reported: it is too large or too small.
    """
    try:
        return Dim.of(Fraction(expr.text))
    except DimError as error:
        raise findings.reject(beyond(error, expr.span)) from None


def beyond(error: DimError, span: Span) -> Diagnostic:
    """Return the finding for sizes that are too large to reckon with."""
    return bad_argument("a size", f"cannot be {error}", span)


def _operate(expr: ast.Binary, left: Dim, right: Dim, findings: Findings) -> Dim:
    try:
        return arithmetic(expr.op, left, right)
    except DimError as error:
        raise findings.reject(beyond(error, expr.span)) from None
    except ZeroDivisionError:
        raise findings.reject(odd_split(left, 0, expr.span)) from None
    except ValueError:
        raise findings.reject(odd_split(left, right, expr.span)) from None


def arithmetic(op: str, left: Dim, right: Dim) -> Dim:
    """Return ``left op right``.

    Raises:
        ZeroDivisionError: division by 0.
        ValueError: division by a dim that does not cancel.
        DimError: the result is too large.
    """
    table: dict[str, Callable[[Dim, Dim], Dim]] = {
        "+": Dim.__add__, "-": Dim.__sub__, "*": Dim.__mul__, "/": Dim.__truediv__,
    }  # fmt: skip
    return table[op](left, right)


def size(expr: ast.Expr, names: Mapping[str, Dim], findings: Findings, least: int = 1) -> Dim:
    """Return a size: a number that is whole where it is known, and at least `least`.

    Raises:
        Reported: it is not.
    """
    value = number(expr, names, findings)
    known = value.constant
    if known is not None and known.denominator != 1 and isinstance(expr, ast.Num):
        raise findings.reject(not_whole(expr.text, known, expr.span))
    if known is not None and known.denominator != 1:
        raise findings.reject(odd_split(known.numerator, known.denominator, expr.span))
    if known is not None and known < least:
        raise findings.reject(bad_argument("a size", f"cannot be {known}", expr.span))
    return value


def declared_dims(module: Module) -> Iterator[str]:
    """Yield the names of a file's dims."""
    for item in module.items(ast.DimDecl):
        assert isinstance(item, ast.DimDecl)
        yield from (entry.name for entry in item.entries)


def file_dims(module: Module, overrides: Mapping[str, int], findings: Findings) -> Names:
    """Return the dims of a file: bound to their values, or to themselves where they are free."""
    names: Names = {}
    for item in module.file.items:
        if isinstance(item, ast.DimDecl):
            for entry in item.entries:
                _declare(module, entry, names, overrides, findings)
    return names


def _declare(
    module: Module,
    entry: ast.DimEntry,
    names: Names,
    overrides: Mapping[str, int],
    findings: Findings,
) -> None:
    free = Dim.of(module.prefix + entry.name)
    if entry.name in names:
        findings.add(redefined(entry.name, "a dim of this file", entry.span))
    elif module.prefix + entry.name in overrides:
        names[entry.name] = Dim.of(overrides[module.prefix + entry.name])
    elif entry.value is None:
        names[entry.name] = free
    else:
        try:
            names[entry.name] = size(entry.value, names, findings, least=0)
        except Reported:
            names[entry.name] = free
