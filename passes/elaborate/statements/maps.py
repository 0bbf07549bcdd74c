"""Statements that map a register onto itself: `mix` by a matrix, `apply` of a bijection."""

from collections.abc import Collection
from typing import Any, cast

from revc.grammar import ast
from revc.grammar.signatures import builtin_signatures
from revc.ir.expr import Expr, NetCall
from revc.ir.instructions import Apply, Instruction, Mix
from revc.ir.instructions.linear_maps import NAMED
from revc.ir.net_kinds import MATRICES
from revc.ir.nets import Builtin, Hole
from revc.ir.types import Label, Lattice, RegType, shape_text
from revc.passes.analysis.arguments import Formals
from revc.passes.analysis.doubts import Doubt
from revc.passes.elaborate.arguments import matched
from revc.passes.elaborate.nets.calls import declared_call, inline
from revc.passes.elaborate.nets.lookup import find_net
from revc.passes.elaborate.nets.slots import Net
from revc.passes.elaborate.scope.names import number
from revc.passes.elaborate.scope.scope import Scope
from revc.passes.elaborate.statements.updates import target
from revc.passes.rules.b206_singular_mix import singular
from revc.passes.rules.q304_no_integer_form import no_integer_form
from revc.passes.rules.q307_step_off_lattice import not_exact
from revc.passes.rules.s002_unknown_name import unknown_name
from revc.passes.rules.s003_unknown_argument import bad_argument
from revc.passes.rules.s004_shape_mismatch import mismatch, other_shape
from revc.passes.rules.s007_numeric_mix import numeric_mix
from revc.passes.rules.s009_redefined_name import redefined

Steps = list[Instruction]
MIXES = ("permutation", *MATRICES)


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
    scope.regs.change(at.name, node.span, at)
    return [
        Mix(
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
        node = ast.Call(span=node.span, func=node.id, func_span=node.span, args=())
    if not isinstance(node, ast.Call):
        text = f"takes one of {', '.join(MIXES)}"
        raise scope.findings.reject(bad_argument("mix", text, node.span))
    net = find_net(scope, node.func)
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
    net = find_net(scope, call.func)
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
    return source.name


def apply(scope: Scope, node: ast.Apply, undo: bool) -> Steps:
    """`apply y by softsign()`, or by a declared bijection, which is taken on trust."""
    at, kind = target(scope, node.target)
    found = {n: d for n, d in scope.module.decls.items() if isinstance(d, ast.BijectionDecl)}
    call = _named(scope, "apply", node.by, {**dict.fromkeys(NAMED), **found})
    if call.func in found and call.func in NAMED:
        raise scope.findings.reject(redefined(call.func, "a named map", found[call.func].span))
    if call.args:
        raise scope.findings.reject(bad_argument(call.func, "takes no argument here", call.span))
    scope.findings.demand(no_integer_form(call.func, kind.numerics, call.span))
    if call.func in found:
        reason = f"`{call.func}` is declared to be a bijection, on trust"
        scope.doubts.append(Doubt("ASSUMED", reason, node.span))
    scope.regs.change(at.name, node.span, at)
    return [Apply(span=node.span, target=at, bijection=call.func, settings={}, undo=undo)]


def _named(scope: Scope, what: str, node: ast.Expr, known: Collection[str]) -> ast.Call:
    if isinstance(node, ast.Name):
        node = ast.Call(span=node.span, func=node.id, func_span=node.span, args=())
    if not isinstance(node, ast.Call):
        raise scope.findings.reject(
            bad_argument(what, f"takes one of {', '.join(known)}", node.span)
        )
    if node.func not in known:
        raise scope.findings.reject(unknown_name("map", node.func, node.func_span, known))
    return node
