"""`residual y by F`: a contraction, one that need not be, or one that certainly is no bijection."""

from functools import partial
from math import inf

from revc.grammar import ast
from revc.ir.expr import Expr, NetCall, Place
from revc.ir.nets import Builtin
from revc.ir.types import RegType
from revc.passes.analysis.doubts import Doubt
from revc.passes.analysis.lipschitz import lipschitz
from revc.passes.elaborate.expressions import value
from revc.passes.elaborate.scope.scope import Scope
from revc.passes.elaborate.statements.collisions import added, sought, with_lets
from revc.passes.elaborate.statements.updates import Steps, check_fits, target
from revc.passes.rules.b202_residual_contraction import not_contracting
from revc.passes.rules.c901_not_yet_supported import ROUNDS


def residual(scope: Scope, node: ast.Residual, undo: bool) -> Steps:
    """`residual y by F`: invertible if F contracts."""
    at, kind = target(scope, node.target)
    call = node.net
    if isinstance(call, ast.Name):
        arg = ast.Arg(span=call.span, name=None, value=node.target)
        call = ast.Call(span=call.span, func=call.id, func_span=call.span, args=(arg,))
    change = value(scope, call, kind.shape)
    check_fits(scope, call.span, change, at.name, kind)
    scope.regs.change(at.name, node.span, at)
    _contraction(scope, node, at, kind, change)
    scope.elaboration.unsupported("residual", ROUNDS, node.span)
    return []


def _net_bound(scope: Scope, call: NetCall) -> float:
    """Return a bound of a built-in net whose weights are known, infinity for any other."""
    draft, weights = scope.slots.drafts[call.slot], scope.elaboration.weights
    if weights is None or not isinstance(draft.source, Builtin):
        return inf
    return weights(draft.name, draft.source)


def _contraction(scope: Scope, node: ast.Residual, at: Place, kind: RegType, change: Expr) -> None:
    """Note what is known of x + F(x): that F contracts, that it does not, or neither."""
    bound = lipschitz(with_lets(scope, change), at.name, partial(_net_bound, scope))
    if bound < 1:
        reason = f"x + F(x) has one x for each value: F has the Lipschitz bound {bound:.4g}"
        scope.doubts.append(Doubt("BOUNDED", reason, node.span))
        return
    found = sought(scope, [(at, kind)], [added(at, kind, change, 1)])
    if bound < inf or found.collision:
        scope.findings.add(not_contracting(bound, node.span, *found[:2]))
    reason = found.collision or "x + F(x) is invertible only if F contracts; no bound shows it"
    scope.doubts.append(Doubt("REFUTED" if found.collision else "UNKNOWN", reason, node.span))
