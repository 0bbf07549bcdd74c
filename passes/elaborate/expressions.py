"""Expressions: numbers fold exactly, reads become places, calls become functions or net calls."""

from revc.grammar import ast
from revc.ir.dims import Dim
from revc.ir.expr import FUNCTIONS, Elementwise, Expr, Number, Place, Read, walk
from revc.ir.keys import Key, key
from revc.ir.types import Float, Label, Shape, shape_text
from revc.passes.analysis.shapes import broadcast, indexed
from revc.passes.elaborate.nets.lookup import find_net
from revc.passes.elaborate.scope.names import arithmetic, literal
from revc.passes.elaborate.scope.scope import Scope
from revc.passes.elaborate.scope.state_places import name_of, place
from revc.passes.rules.b212_outside_domain import no_value
from revc.passes.rules.s002_unknown_name import RULE as UNKNOWN
from revc.passes.rules.s002_unknown_name import unknown_name
from revc.passes.rules.s003_unknown_argument import bad_argument
from revc.passes.rules.s004_shape_mismatch import mismatch
from revc.passes.rules.s005_odd_split import by_zero

_OPERATORS = {"+": "add", "-": "sub", "*": "mul", "/": "div"}


def value(scope: Scope, node: ast.Expr, expected: Shape | None = None) -> Expr:
    """Return the typed expression; `expected` is the target's shape, which nets answer with.

    Raises:
        Reported: a name, a shape or an argument is wrong.
    """
    known = _static(scope, node)
    if known is not None:
        fixed = known.constant
        number = known if fixed is None else float(fixed)
        return Number(span=node.span, value=number)
    match node:
        case ast.Name() | ast.Index():
            return read(scope, node)
        case ast.Neg():
            operand = value(scope, node.operand, expected)
            return Elementwise(span=node.span, function="neg", args=(operand,), shape=operand.shape)
        case ast.Binary():
            left = value(scope, node.left, expected)
            right = value(scope, node.right, expected)
            return _binary(scope, node, left, right)
        case ast.Call():
            return _call(scope, node, expected)
        case ast.Torch():
            text = f'declare it first: `net N(x: ...) -> ... = torch "{node.target}"`'
            raise scope.findings.reject(
                bad_argument("a torch module", f"is a net: {text}", node.span)
            )
    raise scope.findings.reject(bad_argument("an expression", "cannot hold this here", node.span))


def read(scope: Scope, node: ast.Name | ast.Index) -> Expr:
    """Return the read of a register, given or let.

    Raises:
        Reported: it cannot be read here, or the index does not fit.
    """
    name = name_of(node)
    if not scope.regs.knows(name.id):
        _not_a_value(scope, name)
    kind = scope.regs.read(name.id, name.span)
    at = place(scope, node, kind.shape)
    return Read(span=node.span, place=at, shape=indexed(kind.shape, at.index))


def _not_a_value(scope: Scope, name: ast.Name) -> None:
    if find_net(scope, name.id) is not None or scope.module.imports.get(name.id, scope) is None:
        text = f"`{name.id}` is a net: give it what it reads, `{name.id}(...)`"
        raise scope.findings.reject(UNKNOWN.at(name.span, text))
    regs = scope.regs
    known = [*regs.live, *regs.givens, *regs.lets, *scope.names]
    raise scope.findings.reject(unknown_name("register", name.id, name.span, known))


def _static(scope: Scope, node: ast.Expr) -> Dim | None:
    """Return the value of an expression of numbers and dims alone, None for any other."""
    match node:
        case ast.Num():
            return literal(node, scope.findings)
        case ast.Name() if not scope.regs.knows(node.id):
            return scope.names.get(node.id)
        case ast.Neg():
            inner = _static(scope, node.operand)
            return None if inner is None else -inner
        case ast.Binary():
            left = _static(scope, node.left)
            right = _static(scope, node.right) if left is not None else None
            if left is None or right is None:
                return None
            try:
                return arithmetic(node.op, left, right)
            except (ValueError, ZeroDivisionError):
                return None
    return None


def _binary(scope: Scope, node: ast.Binary, left: Expr, right: Expr) -> Expr:
    if node.op == "/":
        scope.findings.demand(by_zero(right, scope.turns, node.right.span))
    shape = broadcast(left.shape, right.shape)
    if shape is None:
        one, two = shape_text(left.shape), shape_text(right.shape)
        raise scope.findings.reject(mismatch(node.span, f"{one} and {two} do not fit `{node.op}`"))
    return Elementwise(
        span=node.span, function=_OPERATORS[node.op], args=(left, right), shape=shape
    )


def _call(scope: Scope, node: ast.Call, expected: Shape | None) -> Expr:
    from revc.passes.elaborate.nets.calls import net_call

    if node.func not in FUNCTIONS:
        return net_call(scope, node, expected)
    if len(node.args) != 1 or node.args[0].name is not None:
        raise scope.findings.reject(bad_argument(node.func, "takes one value", node.span))
    arg = value(scope, node.args[0].value, expected)
    scope.findings.demand(no_value(node.func, arg, node.args[0].value.span))
    return Elementwise(span=node.span, function=node.func, args=(arg,), shape=arg.shape)


def places_read(scope: Scope, expr: Expr) -> tuple[tuple[Place, str | None], ...]:
    """Return every place that `expr` reads, once, with the `let` by which it does so, if any.

    A place that is also read without a `let` counts as read so.
    """
    direct: dict[Key, Place] = {}
    by_let: dict[Key, tuple[Place, str]] = {}
    for node in walk(expr):
        if isinstance(node, Read):
            let = scope.regs.lets.get(node.place.name)
            if let is None:
                direct.setdefault(key(node.place), node.place)
            else:
                for inner in let.places:
                    by_let.setdefault(key(inner), (inner, node.place.name))
    named = [found for at, found in by_let.items() if at not in direct]
    return (*((place, None) for place in direct.values()), *named)


def outside_nets(expr: Expr) -> tuple[Read, ...]:
    """Return the reads of `expr` that no net stands around: those that are used as numbers."""
    if isinstance(expr, Read):
        return (expr,)
    if isinstance(expr, Elementwise):
        return tuple(found for arg in expr.args for found in outside_nets(arg))
    return ()


def as_numbers(scope: Scope, expr: Expr) -> frozenset[str]:
    """Return the registers and givens that `expr` uses as numbers, also by lets."""
    names: set[str] = set()
    for node in outside_nets(expr):
        let = scope.regs.lets.get(node.place.name)
        names |= {node.place.name} if let is None else let.numbers
    return frozenset(names)


def has_labels(scope: Scope, expr: Expr) -> str | None:
    """Return the name of a label that `expr` uses as a number, if there is one."""
    for name in sorted(as_numbers(scope, expr)):
        kind = scope.regs.live.get(name) or scope.regs.givens.get(name)
        if kind is not None and isinstance(kind.numerics, Label):
            return name
    return None


def float_state(scope: Scope, expr: Expr) -> tuple[str, str | None] | None:
    """Return a register of float state that `expr` reads, also in nets, and by which let."""
    for at, let in places_read(scope, expr):
        state = scope.regs.live.get(at.name)
        if state is not None and isinstance(state.numerics, Float):
            return at.name, let
    return None
