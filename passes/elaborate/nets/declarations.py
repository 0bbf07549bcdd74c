"""Declarations of nets: built-in ones with their options, composites, torch classes, holes."""

from dataclasses import replace
from typing import get_args

from revc.grammar import ast
from revc.grammar.diagnostics import Diagnostic
from revc.grammar.signatures import Separable, Signature, builtin_signatures
from revc.ir.expr import FUNCTIONS
from revc.ir.instructions import Instruction
from revc.ir.net_kinds import MATRICES
from revc.ir.nets import Builtin, Hole, Setting, Source, TorchClass
from revc.ir.types import RegType, Shape
from revc.passes.analysis.arguments import Formals
from revc.passes.analysis.reserved_names import reserved
from revc.passes.elaborate.arguments import matched
from revc.passes.elaborate.expressions import value
from revc.passes.elaborate.nets.settings import given_settings, same_each_turn, sort_args
from revc.passes.elaborate.nets.slots import Draft, Namer, Net, called, closure
from revc.passes.elaborate.scope.names import number, size
from revc.passes.elaborate.scope.registers import Registers
from revc.passes.elaborate.scope.scope import Scope
from revc.passes.elaborate.scope.types import regtype
from revc.passes.rules.report import Reported
from revc.passes.rules.s002_unknown_name import import_builtin, unknown_name
from revc.passes.rules.s003_unknown_argument import bad_argument, missing_argument
from revc.passes.rules.s004_shape_mismatch import other_shape
from revc.passes.rules.s009_redefined_name import redefined

Params = tuple[tuple[str, RegType], ...]


def declare(scope: Scope, decl: ast.NetDecl) -> None:
    """Make the net that `decl` declares a net of this body.

    Raises:
        Reported: its name is taken, or something in it is wrong.
    """
    if (earlier := scope.visible(decl.name)) is not None:
        raise scope.findings.reject(redefined(decl.name, earlier, decl.span))
    scope.claim(decl.name, "a net of this body", decl.span)
    try:
        scope.nets[decl.name] = build(scope, decl, decl.name)
    except Reported:
        scope.refused.add(decl.name)
        raise


def declaration(scope: Scope, decl: ast.NetDecl, undo: bool) -> list[Instruction]:
    """`net F = ...`: an instance of this body; no instruction."""
    if undo:
        text = "changes nothing: there is nothing to undo"
        raise scope.findings.reject(bad_argument("undo net", text, decl.span))
    declare(scope, decl)
    return []


def build(scope: Scope, decl: ast.NetDecl, name: str) -> Net:
    """Return the net that `decl` declares, with its slots in `scope`, named after `name`.

    Raises:
        Reported: something in it is wrong.
    """
    if unknown := [axis for axis in decl.separable if axis not in get_args(Separable)]:
        text = f"is separable along `batch` or `sequence`, not `{unknown[0]}`"
        raise scope.findings.reject(bad_argument(f"net {decl.name}", text, decl.span))
    if decl.name in (*MATRICES, "permutation"):
        raise scope.findings.reject(redefined(decl.name, "a map of `mix`", decl.span))
    if (earlier := reserved(decl.name, "module")) is not None:
        raise scope.findings.reject(redefined(decl.name, earlier, decl.span))
    signature = _plain_builtin(scope, decl)
    if signature is not None:
        assert isinstance(decl.value, ast.Call)
        return _configured(scope, decl.value, signature, name)
    params = _params(scope, decl)
    if decl.value is None:
        return _leaf(scope, decl, name, params, Hole(name=name, separable=decl.separable))
    if isinstance(decl.value, ast.Torch):
        source = _torch(scope, decl.value).replace(separable=decl.separable)
        return _leaf(scope, decl, name, params, source)
    if decl.separable:
        text = "is made of nets that say themselves along what they are separable"
        raise scope.findings.reject(bad_argument(f"net {decl.name}", text, decl.span))
    if params is None:
        scope.findings.demand(_unknown_net(scope, decl.value))
        text = "needs parameters, as in `net F(x: [..]) -> [..] = ...`, or options alone"
        raise scope.findings.reject(bad_argument(f"net {decl.name}", text, decl.span))
    return _composite(scope, decl, name, params)


def _plain_builtin(scope: Scope, decl: ast.NetDecl) -> Signature | None:
    """Return the built-in net of ``net F = mlp(width = 64)``, None for any other declaration."""
    node = decl.value
    if decl.params is not None or not isinstance(node, ast.Call):
        return None
    signature = builtin_signatures().get(node.func)
    imported = node.func in MATRICES or scope.module.imports.get(node.func, scope) is None
    if signature is None or not imported:
        return None
    return None if sort_args(scope, signature, node.args)[1] else signature


def _unknown_net(scope: Scope, value: ast.Expr) -> Diagnostic | None:
    """Return the finding for ``net F = mpl(width = 64)``, a call of what is no net here."""
    if not isinstance(value, ast.Call) or value.func in FUNCTIONS:
        return None
    known, file = builtin_signatures(), scope.module
    if value.func in known and file.imports.get(value.func, scope) is not None:
        return import_builtin(value.func, value.func_span, file)
    if value.func in known or file.find(value.func) or value.func in file.imports:
        return None
    names = [*scope.known_nets(), *known]
    return None if value.func in names else unknown_name("net", value.func, value.func_span, names)


def _configured(scope: Scope, node: ast.Call, signature: Signature, name: str) -> Net:
    options, _ = sort_args(scope, signature, node.args)
    for option in signature.options:  # a call gives what is read alone: what lacks here, lacks
        if option.required and option.name not in options:
            raise scope.findings.reject(missing_argument(node.func, option.name, node.span))
    given, tied = given_settings(scope, signature, options)
    source = Builtin(
        name=signature.name,
        settings=given,
        tied=tied.uses[0] if tied is not None else None,
    )
    slot = scope.slots.add(Draft(name, node.span, source))
    return Net(
        name, None, None, None, closure(scope.slots, [slot]), signature, tuple(given.items())
    )


def _leaf(scope: Scope, decl: ast.NetDecl, name: str, params: Params | None, source: Source) -> Net:
    result = _result(scope, decl)
    draft = Draft(name, decl.span, source)
    if params is not None:
        draft.inputs, draft.output = tuple(kind for _, kind in params), result
    return Net(name, params, result, None, (scope.slots.add(draft),))


def _composite(scope: Scope, decl: ast.NetDecl, name: str, params: Params) -> Net:
    """Return a net made of others: its body reads the parameters and nothing of the state."""
    assert decl.value is not None
    regs = Registers(scope.findings, givens=dict(params))
    inner = replace(scope, regs=regs, namer=Namer(frozenset(), f"{name}."))
    result = _result(scope, decl)
    body = value(inner, decl.value, result)
    if result is not None:
        says = f"`{decl.name}` is declared to return {{want}}, but returns {{have}}"
        scope.findings.demand(other_shape(body.shape, result, says, decl.span))
    uses = closure(scope.slots, called(body))
    return Net(name, params, result or body.shape, body, uses)


def _params(scope: Scope, decl: ast.NetDecl) -> Params | None:
    if decl.params is None:
        return None
    params = []
    for param in ast.typed(decl.params):
        if param.type is None:
            text = f"says no type for `{param.name}`"
            raise scope.findings.reject(bad_argument(decl.name, text, param.span))
        kind = regtype(param.type, scope.numerics, scope.names, scope.findings)
        params.append((param.name, kind))
    return tuple(params)


def _result(scope: Scope, decl: ast.NetDecl) -> Shape | None:
    if decl.result is None:
        return None
    return regtype(decl.result, scope.numerics, scope.names, scope.findings).shape


def _torch(scope: Scope, node: ast.Torch) -> TorchClass:
    named = dict.fromkeys(arg.name for arg in node.args if arg.name is not None)
    takes = Formals(node.target, (), tuple(named), spread=True)
    given, rest, _ = matched(scope.findings, node.args, takes)
    args = tuple(_setting(scope, arg.value) for arg in rest)
    kwargs = {name: _setting(scope, arg.value) for name, arg in given.items()}
    return TorchClass(target=node.target, args=args, kwargs=kwargs)


def _setting(scope: Scope, node: ast.Expr) -> Setting:
    """Return an argument of a torch class: a number, a word, true or false, or a tuple of sizes."""
    match node:
        case ast.Bool() | ast.Str():
            return node.value
        case ast.ListExpr():
            return tuple(size(item, scope.names, scope.findings, least=0) for item in node.items)
    amount = number(node, scope.names, scope.findings)
    same_each_turn(scope, "a torch net", amount, node.span)
    fixed = amount.constant
    if fixed is None:
        return amount
    whole = fixed.denominator == 1 and not (isinstance(node, ast.Num) and "." in node.text)
    return int(fixed) if whole else float(fixed)
