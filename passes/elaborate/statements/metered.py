"""Statements that exchange bits: `put`, `draw`, `valve`, `scale`."""

from revc.grammar import ast
from revc.grammar.span import Span
from revc.ir.dims import Dim
from revc.ir.expr import At, Expr, Place
from revc.ir.instructions import Draw, Instruction, Put, Scale, Valve
from revc.ir.types import Label, Lattice, RegType
from revc.passes.analysis.doubts import Doubt, Verdict
from revc.passes.analysis.interval import bounds
from revc.passes.elaborate.expressions import value
from revc.passes.elaborate.scope.names import number
from revc.passes.elaborate.scope.scope import Scope
from revc.passes.elaborate.scope.state_places import made_type
from revc.passes.elaborate.statements.distributions import distribution
from revc.passes.elaborate.statements.dropouts import no_dropout
from revc.passes.elaborate.statements.updates import check_apart, check_exact, check_fits, target
from revc.passes.rules.b205_scale_may_vanish import known, may_vanish
from revc.passes.rules.b210_one_stack import one_stack
from revc.passes.rules.b211_clamped_factor import clamped
from revc.passes.rules.q307_step_off_lattice import not_exact
from revc.passes.rules.s002_unknown_name import unknown_name
from revc.passes.rules.s003_unknown_argument import bad_argument
from revc.passes.rules.s004_shape_mismatch import mismatch
from revc.passes.rules.s007_numeric_mix import numeric_mix, other_type

Steps = list[Instruction]


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
        Put(
            span=node.span, target=name.id, type=kind, by=by, meter=node.meter,
            stack=node.stack, undo=undo,
        )
    ]  # fmt: skip


def _returning(scope: Scope, node: ast.Put) -> RegType:
    """Return the type of a register that comes back from the tape."""
    if node.type is None:
        text = f"needs the type of what comes back: `undo put {node.target.id}: [..] by ...`"
        raise scope.findings.reject(bad_argument("undo put", text, node.span))
    return made_type(scope, node.type)


def draw(scope: Scope, node: ast.Draw, undo: bool) -> Steps:
    """`draw y: T by q as m on t`: y comes out of the reservoir, or goes back."""
    _on(scope, node.stack, node.span, tapes=False)
    kind = made_type(scope, node.type)
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
        Draw(
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
    _all_examples(scope, "valve", at)
    by = distribution(scope, node.by, kind, "carry")
    check_apart(scope, at, by.params, node.by.span)
    scope.regs.change(at.name, node.span, at)
    return [
        Valve(
            span=node.span, target=at, by=by, meter=node.meter, stack=node.stack, undo=undo
        )
    ]  # fmt: skip


def scale(scope: Scope, node: ast.Scale, undo: bool) -> Steps:
    """`scale y by e in [lo, hi] as m`."""
    _on(scope, node.stack, node.span)
    at, kind = target(scope, node.target)
    _all_examples(scope, "scale", at)
    if isinstance(kind.numerics, Label):
        raise scope.findings.reject(numeric_mix(node.span, f"a {kind.numerics} has no multiples"))
    if isinstance(kind.numerics, Lattice) and kind.numerics.width > 32:
        text = f"scales 16 and 32 bits exactly, not {kind.numerics}"
        raise scope.findings.reject(not_exact(f"`scale` {text}", node.span))
    factor = value(scope, node.factor, kind.shape)
    no_dropout(scope, factor)
    check_fits(scope, node.factor.span, factor, at.name, kind)
    check_apart(scope, at, [factor], node.factor.span)
    says = f"the factor of a {kind.numerics} reads float state"
    check_exact(scope, node.factor.span, factor, kind.numerics, says)
    scope.regs.change(at.name, node.span, at)
    lo, hi = _range(scope, node, factor)
    scope.findings.demand(clamped(bounds(factor), (lo, hi), node.factor.span))
    return [
        Scale(
            span=node.span, target=at, factor=factor, lo=lo, hi=hi, meter=node.meter,
            stack=node.stack, undo=undo,
        )
    ]  # fmt: skip


def _all_examples(scope: Scope, kind: str, at: Place) -> None:
    """Check that a place has its register's whole axis of examples: each has stacks of its own.

    Raises:
        Reported: it is a slice of the batch.
    """
    first = at.index[0] if at.index else None
    if first is not None and (isinstance(first, At) or first.lo != Dim() or first.hi is not None):
        text = f"`{kind}` moves bits of every example: axis 0 of `{at.name}` cannot be cut"
        raise scope.findings.reject(mismatch(at.span, text))


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
    wrong = may_vanish(lo, hi, at)
    if wrong is not None:
        verdict: Verdict = "REFUTED" if lo == hi == 0 else "UNKNOWN"
        scope.doubts.append(Doubt(verdict, known(lo, hi), node.span))
        raise scope.findings.reject(wrong)
    if lo < 2.0**-10 or hi > 64:
        text = f"`scale` rounds its factor to n/1024 with 1 <= n <= 65536, not [{lo:g}, {hi:g}]"
        raise scope.findings.reject(not_exact(text, at))
    return lo, hi


def _on(scope: Scope, stack: str | None, span: Span, tapes: bool = True) -> None:
    """Check that `on t` names a tape (or reservoir) of the file.

    Raises:
        Reported: there is none, or it is of the other kind: what is pushed on a stack is what the
            next pop gives back.
    """
    kinds = (ast.TapeDecl, ast.ReservoirDecl)
    declared = {name: d for name, d in scope.module.decls.items() if isinstance(d, kinds)}
    if stack is None:
        return
    if stack not in declared:
        raise scope.findings.reject(unknown_name("tape or reservoir", stack, span, declared))
    main = scope.elaboration.main  # whose stacks are the program's; a library's are for linting it
    if type(main.decls.get(stack)) is not type(declared[stack]):
        what = "tape or reservoir of the main file"
        raise scope.findings.reject(unknown_name(what, stack, span, main.decls))
    is_tape = isinstance(declared[stack], ast.TapeDecl)
    scope.findings.demand(one_stack(stack, is_tape, tapes, span))
