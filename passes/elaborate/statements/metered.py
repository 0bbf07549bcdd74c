"""Statements that exchange bits: `put`, `draw`, `valve`, `scale`; and the maps `mix`, `apply`."""

from collections.abc import Collection
from typing import Any, cast

from revc.grammar import ast
from revc.grammar.signatures import builtin_signatures
from revc.grammar.span import Span
from revc.ir.expr import Expr, NetCall
from revc.ir.instructions import Apply, Draw, Instruction, Mix, Put, Scale, Valve
from revc.ir.make import make
from revc.ir.net_kinds import MATRICES
from revc.ir.nets import Builtin, Hole
from revc.ir.types import Float, Label, Lattice, RegType, shape_text
from revc.passes.analysis.arguments import Formals
from revc.passes.analysis.doubts import Doubt
from revc.passes.analysis.interval import bounds
from revc.passes.elaborate.arguments import matched
from revc.passes.elaborate.expressions import value
from revc.passes.elaborate.nets.calls import declared_call, inline
from revc.passes.elaborate.nets.slots import Net
from revc.passes.elaborate.scope.names import number
from revc.passes.elaborate.scope.scope import Scope
from revc.passes.elaborate.scope.types import regtype
from revc.passes.elaborate.statements.distributions import distribution
from revc.passes.elaborate.statements.dropouts import no_dropout
from revc.passes.elaborate.statements.updates import check_apart, check_fits, target
from revc.passes.rules.b205_scale_may_vanish import may_vanish
from revc.passes.rules.b206_singular_mix import singular
from revc.passes.rules.b210_one_stack import one_stack
from revc.passes.rules.q304_no_integer_form import no_integer_form
from revc.passes.rules.q307_step_off_lattice import not_exact
from revc.passes.rules.s002_unknown_name import unknown_name
from revc.passes.rules.s003_unknown_argument import bad_argument
from revc.passes.rules.s004_shape_mismatch import mismatch, other_shape
from revc.passes.rules.s007_numeric_mix import numeric_mix, other_type
from revc.passes.rules.s009_redefined_name import redefined

Steps = list[Instruction]
MIXES = ("permutation", *MATRICES)
BIJECTIONS = ("softsign", "tanh", "sigmoid", "exp", "log", "softplus", "sinh", "arcsinh")


def put(scope: Scope, node: ast.Put, undo: bool) -> Steps:
    """`put y by q as m on t`: y leaves the state for the tape, or comes back."""
    _on(scope, node.stack, node.span)
    name = node.target
    kind = _returning(scope, node) if undo else scope.regs.target(name.id, name.span)
    by = distribution(scope, node.by, kind, "write")
    _no_carry(scope, "put", by.residue, node.span)
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
        raise scope.findings.reject(bad_argument("undo put", text, node.span))
    return regtype(node.type, scope.numerics, scope.names, scope.findings)


def draw(scope: Scope, node: ast.Draw, undo: bool) -> Steps:
    """`draw y: T by q as m on t`: y comes out of the reservoir, or goes back."""
    _on(scope, node.stack, node.span, tapes=False)
    kind = regtype(node.type, scope.numerics, scope.names, scope.findings)
    name = node.target
    if undo:
        check = scope.regs.target(name.id, name.span)
        says = f"`{name.id}` is {{have}}, not {{want}}"
        scope.findings.demand(other_type(check, kind, says, name.span))
    by = distribution(scope, node.by, kind, "write")
    _no_carry(scope, "draw", by.residue, node.span)
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


def _no_carry(scope: Scope, kind: str, residue: str, span: Span) -> None:
    """Refuse to leave a residue in a register that leaves the state as a whole."""
    if residue == "carry" or (residue == "drop" and kind == "draw"):
        text = f"moves a whole register: its residue cannot be {residue}, say write"
        raise scope.findings.reject(bad_argument(kind, text, span))


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
        raise scope.findings.reject(numeric_mix(node.span, f"a {kind.numerics} has no multiples"))
    if isinstance(kind.numerics, Lattice) and kind.numerics.width > 32:
        text = f"scales 16 and 32 bits exactly, not {kind.numerics}"
        raise scope.findings.reject(not_exact(f"`scale` {text}", node.span))
    factor = value(scope, node.factor, kind.shape)
    no_dropout(scope, factor)
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
            raise scope.findings.reject(bad_argument("scale", text, node.lo.span))
        lo, hi, at = float(low), float(high), node.lo.span
    else:
        (lo, hi), at = bounds(factor), node.factor.span
    if not (lo > 0 and hi < float("inf")):
        low_text, high_text = f"{lo:g}", f"{hi:g}"
        why = (
            f"it is only known to lie in [{low_text}, {high_text}]; say in [lo, hi] with lo above 0"
        )
        scope.doubts.append(Doubt("REFUTED" if lo == hi == 0 else "UNKNOWN", why, node.span))
        raise scope.findings.reject(may_vanish(at, why))
    if lo < 2.0**-10 or hi > 64:
        text = f"`scale` rounds its factor to n/1024 with 1 <= n <= 65536, not [{lo:g}, {hi:g}]"
        raise scope.findings.reject(not_exact(text, at))
    return lo, hi


def mix(scope: Scope, node: ast.Mix, undo: bool) -> Steps:
    """`mix y by householder(4)`, or by a declared net of such a family."""
    at, kind = target(scope, node.target)
    if isinstance(kind.numerics, Label):
        raise scope.findings.reject(numeric_mix(node.span, f"a {kind} has no linear maps"))
    if len(kind.shape) < 2:
        text = f"`mix` needs an axis beside the example's, not {shape_text(kind.shape)}"
        raise scope.findings.reject(mismatch(node.target.span, text))
    call = _mixing(scope, node.by)
    family, settings, matrix = call.func, {}, None
    if call.func == "permutation":
        settings = _seed(scope, call)
    else:
        matrix = _matrix(scope, call, kind)
        family = _family(scope, matrix)
    if family == "lu" and isinstance(kind.numerics, Lattice) and kind.numerics.width > 32:
        text = f"`lu` scales 16 and 32 bits exactly, not {kind.numerics}; use orthogonal"
        raise scope.findings.reject(not_exact(text, node.by.span))
    scope.regs.change(at.name, node.span)
    return [
        make(
            Mix,
            span=node.span,
            target=at,
            family=cast(Any, family),
            settings=settings,
            matrix=matrix,
            undo=undo,
        )
    ]


def _mixing(scope: Scope, node: ast.Expr) -> ast.Call:
    """Return the call that `mix` takes: a family, or a net that was declared as one.

    Raises:
        Reported: it is something else; a plain matrix may be singular.
    """
    if isinstance(node, ast.Name):
        node = ast.Call.model_construct(span=node.span, func=node.id, func_span=node.span, args=())
    if not isinstance(node, ast.Call):
        text = f"takes one of {', '.join(MIXES)}"
        raise scope.findings.reject(bad_argument("mix", text, node.span))
    net = scope.net(node.func)
    if net is not None and (net.open or _is_matrix(net)):
        return node
    if net is not None or (node.func in builtin_signatures() and node.func not in MATRICES):
        raise scope.findings.reject(singular(node.func, node.span))
    if node.func not in MIXES:
        raise scope.findings.reject(unknown_name("map", node.func, node.func_span, MIXES))
    return node


def _is_matrix(net: Net) -> bool:
    return net.signature is not None and net.signature.name in MATRICES


def _seed(scope: Scope, call: ast.Call) -> dict[str, int | float | None]:
    takes = Formals("permutation", ("seed",))
    arg = matched(scope.findings, call.args, takes).given.get("seed")
    if arg is None:
        return {"seed": 0}
    known = number(arg.value, scope.names, scope.findings).integer
    if known is None or not 0 <= known < 1 << 63:
        text = "takes a whole number of at least 0 for `seed`"
        raise scope.findings.reject(bad_argument("permutation", text, arg.span))
    return {"seed": known}


def _matrix(scope: Scope, call: ast.Call, kind: RegType) -> Expr:
    """Return the matrix of a learned family as the value of a net of this body."""
    square = (kind.shape[-1], kind.shape[-1])
    net = scope.net(call.func)
    if net is not None:
        matrix = declared_call(scope, call, net, square)
    else:
        matrix = inline(scope, call, builtin_signatures()[call.func], square)
    says = f"`mix` needs a {{want}} for {shape_text(kind.shape)}, but `{call.func}` is {{have}}"
    scope.findings.demand(other_shape(matrix.shape, square, says, call.span))
    return matrix


def _family(scope: Scope, matrix: Expr) -> str:
    assert isinstance(matrix, NetCall)
    source = scope.slots.drafts[matrix.slot].source
    if isinstance(source, Hole):  # of a block that is checked alone; what is passed is not known
        return "orthogonal"
    assert isinstance(source, Builtin)
    k = source.settings.get("k", 1)
    if not isinstance(k, int) or k < 1:
        text = f"needs at least one reflection, not k = {k}"
        raise scope.findings.reject(bad_argument(source.name, text, matrix.span))
    return source.name


def apply(scope: Scope, node: ast.Apply, undo: bool) -> Steps:
    """`apply y by softsign()`, or by a declared bijection, which is taken on trust."""
    at, kind = target(scope, node.target)
    found = {n: d for n, d in scope.module.decls.items() if isinstance(d, ast.BijectionDecl)}
    call = _named(scope, "apply", node.by, {**dict.fromkeys(BIJECTIONS), **found})
    if call.func in found and call.func in BIJECTIONS:
        raise scope.findings.reject(redefined(call.func, "a named map", found[call.func].span))
    if call.args:
        raise scope.findings.reject(bad_argument(call.func, "takes no argument here", call.span))
    exact = isinstance(kind.numerics, Lattice) and kind.numerics.width <= 32
    if not isinstance(kind.numerics, Float) and not (exact and call.func == "softsign"):
        raise scope.findings.reject(no_integer_form(call.func, str(kind.numerics), call.span))
    if call.func in found:
        reason = f"`{call.func}` is declared to be a bijection, on trust"
        scope.doubts.append(Doubt("ASSUMED", reason, node.span))
    scope.regs.change(at.name, node.span)
    return [make(Apply, span=node.span, target=at, bijection=call.func, settings={}, undo=undo)]


def _named(scope: Scope, what: str, node: ast.Expr, known: Collection[str]) -> ast.Call:
    if isinstance(node, ast.Name):
        node = ast.Call.model_construct(span=node.span, func=node.id, func_span=node.span, args=())
    if not isinstance(node, ast.Call):
        raise scope.findings.reject(
            bad_argument(what, f"takes one of {', '.join(known)}", node.span)
        )
    if node.func not in known:
        raise scope.findings.reject(unknown_name("map", node.func, node.func_span, known))
    return node


def _on(scope: Scope, stack: str | None, span: Span, tapes: bool = True) -> None:
    """Check that `on t` names a tape (or reservoir) of the file.

    Raises:
        Reported: there is none, or it is of the other kind: what is pushed on a stack is what the
            next pop gives back.
    """
    kinds = (ast.TapeDecl, ast.ReservoirDecl)
    known = {name: d for name, d in scope.module.decls.items() if isinstance(d, kinds)}
    if stack is None:
        return
    if stack not in known:
        raise scope.findings.reject(unknown_name("tape or reservoir", stack, span, known))
    main = scope.elaboration.main  # whose stacks are the program's; a library's are for linting it
    if type(main.decls.get(stack)) is not type(known[stack]):
        what = "tape or reservoir of the main file"
        raise scope.findings.reject(unknown_name(what, stack, span, main.decls))
    if isinstance(known[stack], ast.TapeDecl) != tapes:
        raise scope.findings.reject(one_stack(stack, tapes, span))
