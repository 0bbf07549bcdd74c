"""Statements that exchange bits: `put`, `draw`, `valve`, `scale`; and the maps `mix`, `apply`."""

from collections.abc import Collection
from typing import Any, cast

from revc.grammar import ast
from revc.grammar.span import Span
from revc.ir.expr import Expr
from revc.ir.instructions import Apply, Draw, Instruction, Mix, Put, Scale, Valve
from revc.ir.make import make
from revc.ir.types import Label, RegType
from revc.passes.elaborate.distributions import distribution
from revc.passes.elaborate.expressions import value
from revc.passes.elaborate.interval import bounds
from revc.passes.elaborate.names import number
from revc.passes.elaborate.proof import Doubt
from revc.passes.elaborate.scope import Scope
from revc.passes.elaborate.types import regtype
from revc.passes.elaborate.updates import check_apart, check_fits, target
from revc.passes.rules.b205_scale_may_vanish import may_vanish
from revc.passes.rules.s002_unknown_name import unknown_name
from revc.passes.rules.s003_unknown_argument import bad_argument, unknown_argument
from revc.passes.rules.s007_numeric_mix import numeric_mix

Steps = list[Instruction]
MIXES = {"permutation": ("seed",), "orthogonal": (), "householder": ("k",), "lu": ()}
BIJECTIONS = ("softsign", "tanh", "sigmoid", "exp", "log", "softplus", "sinh", "arcsinh")


def put(scope: Scope, node: ast.Put, undo: bool) -> Steps:
    """`put y by q as m on t`: y leaves the state for the tape, or comes back."""
    _on(scope, node.stack, node.span)
    name = node.target
    kind = _returning(scope, node) if undo else scope.regs.target(name.id, name.span)
    by = distribution(scope, node.by, kind, "write")
    if undo:
        scope.regs.make(name.id, kind, name.span)
    else:
        _apart(scope, name, by.params, node.by.span)
        scope.regs.take(name.id, "put on the tape", node.span)
    return [
        make(
            Put,
            span=node.span, target=name.id, type=kind, by=by, meter=node.meter,
            stack=node.stack, undo=undo,
        )
    ]  # fmt: skip


def _returning(scope: Scope, node: ast.Put) -> RegType:
    """Return the type of a register that comes back from the tape."""
    if node.type is None:
        text = f"needs the type of what comes back: `undo put {node.target.id}: [..] by ...`"
        raise scope.findings.refuse(bad_argument("undo put", text, node.span))
    return regtype(node.type, scope.numerics, scope.names, scope.findings)


def draw(scope: Scope, node: ast.Draw, undo: bool) -> Steps:
    """`draw y: T by q as m on t`: y comes out of the reservoir, or goes back."""
    _on(scope, node.stack, node.span)
    kind = regtype(node.type, scope.numerics, scope.names, scope.findings)
    name = node.target
    if undo:
        check = scope.regs.target(name.id, name.span)
        if check != kind:
            text = f"`{name.id}` is {check}, not {kind}"
            raise scope.findings.refuse(numeric_mix(name.span, text))
    by = distribution(scope, node.by, kind, "write")
    if undo:
        _apart(scope, name, by.params, node.by.span)
        scope.regs.take(name.id, "given back to the reservoir", node.span)
    else:
        scope.regs.make(name.id, kind, name.span)
    return [
        make(
            Draw,
            span=node.span, target=name.id, type=kind, by=by, meter=node.meter,
            stack=node.stack, undo=undo,
        )
    ]  # fmt: skip


def _apart(scope: Scope, name: ast.Name, params: tuple[Expr, ...], span: Span) -> None:
    at, _ = target(scope, name)
    check_apart(scope, at, params, span)


def valve(scope: Scope, node: ast.Valve, undo: bool) -> Steps:
    """`valve y[slice] by q as m on t`: the old value goes, a fresh one comes in its place."""
    _on(scope, node.stack, node.span)
    at, kind = target(scope, node.target)
    by = distribution(scope, node.by, kind, "carry")
    check_apart(scope, at, by.params, node.by.span)
    scope.regs.change(at.name, node.span)
    return [
        make(
            Valve,
            span=node.span, target=at, by=by, meter=node.meter, stack=node.stack, undo=undo
        )
    ]  # fmt: skip


def scale(scope: Scope, node: ast.Scale, undo: bool) -> Steps:
    """`scale y by e in [lo, hi] as m`."""
    _on(scope, node.stack, node.span)
    at, kind = target(scope, node.target)
    if isinstance(kind.numerics, Label):
        raise scope.findings.refuse(numeric_mix(node.span, f"a {kind.numerics} has no multiples"))
    factor = value(scope, node.factor, kind.shape)
    check_fits(scope, node.factor.span, factor, at.name, kind)
    check_apart(scope, at, [factor], node.factor.span)
    scope.regs.change(at.name, node.span)
    lo, hi = _range(scope, node, factor)
    return [
        make(
            Scale,
            span=node.span, target=at, factor=factor, lo=lo, hi=hi, meter=node.meter,
            stack=node.stack, undo=undo,
        )
    ]  # fmt: skip


def _range(scope: Scope, node: ast.Scale, factor: Expr) -> tuple[float, float]:
    """Return the factor's range: as written, else as its expression bounds it."""
    if node.lo is not None and node.hi is not None:
        low, high = (
            number(end, scope.names, scope.findings).constant for end in (node.lo, node.hi)
        )
        if low is None or high is None or low > high:
            text = "takes a range [lo, hi] of numbers with lo <= hi"
            raise scope.findings.refuse(bad_argument("scale", text, node.lo.span))
        lo, hi, at = float(low), float(high), node.lo.span
    else:
        (lo, hi), at = bounds(factor), node.factor.span
    if not (lo > 0 and hi < float("inf")):
        low_text, high_text = f"{lo:g}", f"{hi:g}"
        why = (
            f"it is only known to lie in [{low_text}, {high_text}]; say in [lo, hi] with lo above 0"
        )
        scope.doubts.append(Doubt("REFUTED" if lo == hi == 0 else "UNKNOWN", why, node.span))
        raise scope.findings.refuse(may_vanish(at, why))
    return lo, hi


def mix(scope: Scope, node: ast.Mix, undo: bool) -> Steps:
    """`mix y by householder(4)`."""
    at, _ = target(scope, node.target)
    call = _named(scope, "mix", node.by, MIXES)
    names = MIXES[call.func]
    settings: dict[str, int | float | None] = dict.fromkeys(names)
    for position, arg in enumerate(call.args):
        name = arg.name if arg.name is not None else (names[position:] or ("",))[0]
        if name not in names:
            raise scope.findings.refuse(unknown_argument(call.func, name, arg.span, names))
        known = number(arg.value, scope.names, scope.findings).integer
        if known is None:
            text = f"takes a whole number for `{name}`"
            raise scope.findings.refuse(bad_argument(call.func, text, arg.span))
        settings[name] = known
    scope.regs.change(at.name, node.span)
    return [
        make(
            Mix,
            span=node.span,
            target=at,
            family=cast(Any, call.func),
            settings=settings,
            undo=undo,
        )
    ]


def apply(scope: Scope, node: ast.Apply, undo: bool) -> Steps:
    """`apply y by softsign()`, or by a declared bijection, which is taken on trust."""
    at, _ = target(scope, node.target)
    found = {n: d for n, d in scope.module.decls.items() if isinstance(d, ast.BijectionDecl)}
    call = _named(scope, "apply", node.by, {**dict.fromkeys(BIJECTIONS), **found})
    if call.args:
        raise scope.findings.refuse(bad_argument(call.func, "takes no argument here", call.span))
    if call.func in found:
        reason = f"`{call.func}` is declared to be a bijection, on trust"
        scope.doubts.append(Doubt("ASSUMED", reason, node.span))
    scope.regs.change(at.name, node.span)
    return [make(Apply, span=node.span, target=at, bijection=call.func, settings={}, undo=undo)]


def _named(scope: Scope, what: str, node: ast.Expr, known: Collection[str]) -> ast.Call:
    if isinstance(node, ast.Name):
        node = ast.Call.model_construct(span=node.span, func=node.id, func_span=node.span, args=())
    if not isinstance(node, ast.Call):
        raise scope.findings.refuse(
            bad_argument(what, f"takes one of {', '.join(known)}", node.span)
        )
    if node.func not in known:
        raise scope.findings.refuse(unknown_name("map", node.func, node.func_span, known))
    return node


def _on(scope: Scope, stack: str | None, span: Span) -> None:
    """Check that `on t` names a tape or reservoir of the file."""
    kinds = (ast.TapeDecl, ast.ReservoirDecl)
    known = [name for name, decl in scope.module.decls.items() if isinstance(decl, kinds)]
    if stack is not None and stack not in known:
        raise scope.findings.refuse(unknown_name("tape or reservoir", stack, span, known))
