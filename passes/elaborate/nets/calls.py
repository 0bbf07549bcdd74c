"""Calls of nets in expressions: built-in ones on the spot, declared ones by their name."""

from collections.abc import Sequence

from revc.grammar import ast
from revc.grammar.diagnostics import Diagnostic
from revc.grammar.signatures import Signature, builtin_signatures
from revc.grammar.span import Span
from revc.ir.dims import Dim
from revc.ir.expr import Elementwise, Expr, NetCall, Read, size
from revc.ir.net_kinds import MATRICES
from revc.ir.nets import Builtin
from revc.ir.types import FLOAT, Label, RegType, Shape, shape_text
from revc.passes.analysis.arguments import Formals
from revc.passes.elaborate.arguments import all_of, matched
from revc.passes.elaborate.expressions import value
from revc.passes.elaborate.nets.axes import counted_axes, match_inputs, result_shape
from revc.passes.elaborate.nets.lookup import check_declared, find_net
from revc.passes.elaborate.nets.settings import (
    check_width,
    completed,
    given_settings,
    sort_args,
    target_axis,
)
from revc.passes.elaborate.nets.slots import Draft, Given, Net
from revc.passes.elaborate.nets.tied_embeddings import is_implied, tied_size
from revc.passes.elaborate.scope.scope import Scope
from revc.passes.rules.report import Reported
from revc.passes.rules.s002_unknown_name import RULE as UNKNOWN
from revc.passes.rules.s002_unknown_name import import_builtin, unknown_name
from revc.passes.rules.s003_unknown_argument import bad_argument
from revc.passes.rules.s004_shape_mismatch import mismatch, other_shape
from revc.passes.rules.s007_numeric_mix import numeric_mix

"""The built-in nets whose value is a matrix for `mix`."""


def matrix_alone(node: ast.Call) -> Diagnostic:
    """Return the finding for a matrix that is read as a value."""
    return bad_argument(node.func, f"is a matrix: `mix y by {node.func}(..)`", node.span)


def net_call(scope: Scope, node: ast.Call, expected: Shape | None) -> Expr:
    """Return the value of the net called `node.func`.

    Raises:
        Reported: there is no such net, or the call does not fit it.
    """
    net = find_net(scope, node.func)
    if net is not None:
        if net.signature is not None and net.signature.name in MATRICES:
            raise scope.findings.reject(matrix_alone(node))
        return declared_call(scope, node, net, expected)
    builtin = builtin_signatures().get(node.func)
    if node.func in MATRICES:
        raise scope.findings.reject(matrix_alone(node))
    if scope.module.imports.get(node.func, scope) is None:
        if builtin is None:
            raise Reported  # the file that it comes from was not found, and reported
        return inline(scope, node, builtin, expected)
    if builtin is not None and scope.module.find(node.func) is None:
        raise scope.findings.reject(import_builtin(node.func, node.func_span, scope.module))
    check_declared(scope, node.func, node.func_span)
    if scope.module.find(node.func) is not None:
        text = f"`{node.func}` is no net: a block is called as a statement of its own"
        raise scope.findings.reject(UNKNOWN.at(node.func_span, text))
    known = [*scope.known_nets(), *(n for n, m in scope.module.imports.items() if m is None)]
    raise scope.findings.reject(unknown_name("net", node.func, node.func_span, known))


# --- built-in nets, called where they stand -----------------------------------------------------


def inline(scope: Scope, node: ast.Call, signature: Signature, expected: Shape | None) -> Expr:
    """Return the value of a built-in net that is made where it is called."""
    source = Builtin(name=signature.name, settings={})
    slot = scope.slots.add(Draft(scope.namer.next(node.func), node.span, source))
    options, inputs = sort_args(scope, signature, node.args)
    given, tied = given_settings(scope, signature, options)
    if tied is not None:
        scope.slots.drafts[slot].source = source.replace(tied=tied.uses[0])
    return _apply(scope, node, signature, given, slot, inputs, expected)


def _apply(
    scope: Scope,
    node: ast.Call,
    signature: Signature,
    given: Given,
    slot: int,
    inputs: Sequence[ast.Expr],
    expected: Shape | None,
) -> Expr:
    """Return the call of a built-in net's slot; its first call fixes the slot's types."""
    args = tuple(value(scope, arg) for arg in inputs)
    types = tuple(arg_type(scope, arg) for arg in args)
    axes = match_inputs(scope, node, signature, types)
    own = axes["n"][0] if "n" in axes else None
    given = {**given, **tied_size(scope, node, given, slot, own)}
    settings = completed(scope, node, signature, given, target_axis(signature, expected, own))
    check_width(scope, node, signature.name, settings, own)
    _label_fits(scope, node, settings, types)
    settings = counted_axes(scope, node, signature, axes, settings)
    shape = result_shape(scope, node, signature, axes, settings)
    draft = scope.slots.drafts[slot]
    assert isinstance(draft.source, Builtin)
    if draft.output is not None and draft.source.settings != settings:
        raise scope.findings.reject(
            mismatch(node.span, f"`{node.func}` was called with other sizes")
        )
    draft.source = draft.source.replace(settings=settings)
    fix_types(scope, draft, types, shape, node.span)
    return NetCall(span=node.span, slot=slot, args=args, shape=shape)


def _label_fits(scope: Scope, node: ast.Call, settings: Given, types: tuple[RegType, ...]) -> None:
    """Check that labels stay below an embedding's or a cross-entropy's number of rows."""
    rows = settings.get("size", settings.get("out"))
    for kind in types:
        if isinstance(kind.numerics, Label) and isinstance(rows, int | Dim):
            spare = (Dim.of(rows) - kind.numerics.size).constant
            if spare is not None and spare < 0:
                text = f"`{node.func}` has {rows} rows for label({kind.numerics.size})"
                raise scope.findings.reject(mismatch(node.span, text))


# --- declared nets ------------------------------------------------------------------------------


def declared_call(scope: Scope, node: ast.Call, net: Net, expected: Shape | None) -> Expr:
    """Return the value of a declared net.

    Raises:
        Reported: the call does not fit it.
    """
    if net.signature is not None:
        inputs = _only_inputs(scope, node, net)
        given = dict(net.options)
        return _apply(scope, node, net.signature, given, net.uses[0], inputs, expected)
    args = _arguments(scope, node, net)
    if net.body is not None:
        assert net.params is not None
        names = [name for name, _ in net.params]
        body = substitute(scope, net.body, dict(zip(names, args, strict=True)), node.span)
        scope.elaboration.write_out(net.name, size(body), node.span)
        return body
    types = tuple(arg_type(scope, arg) for arg in args)
    shape = net.result or expected or (args[0].shape if args else ())
    fix_types(scope, scope.slots.drafts[net.uses[0]], types, shape, node.span)
    return NetCall(span=node.span, slot=net.uses[0], args=args, shape=shape)


def _only_inputs(scope: Scope, node: ast.Call, net: Net) -> list[ast.Expr]:
    """Return the arguments of a call whose options were given where the net was declared."""
    assert net.signature is not None
    inputs = tuple(one.name for one in net.signature.inputs)
    takes = Formals(net.name, (), inputs, spread=True)
    given, rest, _ = matched(scope.findings, node.args, takes)
    return [arg.value for arg in (*rest, *(given[name] for name in inputs if name in given))]


def _arguments(scope: Scope, node: ast.Call, net: Net) -> tuple[Expr, ...]:
    """Return the arguments of a call in the order of the net's parameters, each of its shape."""
    if net.params is None:
        takes = Formals(net.name, spread=True)
        return tuple(value(scope, a.value) for a in matched(scope.findings, node.args, takes).rest)
    takes = Formals(net.name, tuple(name for name, _ in net.params))
    given = all_of(scope.findings, node.args, takes, node.span)
    return tuple(_argument(scope, net, given[name].value, kind) for name, kind in net.params)


def _argument(scope: Scope, net: Net, node: ast.Expr, wanted: RegType) -> Expr:
    arg = value(scope, node)
    says = f"`{net.name}` reads {{want}}, not {{have}}"
    scope.findings.demand(other_shape(arg.shape, wanted.shape, says, node.span))
    label = isinstance(arg_type(scope, arg).numerics, Label)
    if label != isinstance(wanted.numerics, Label):
        text = f"`{net.name}` reads {wanted.numerics}, not {arg_type(scope, arg).numerics}"
        raise scope.findings.reject(numeric_mix(node.span, text))
    return arg


def substitute(scope: Scope, body: Expr, args: dict[str, Expr], span: Span) -> Expr:
    """Return a composite net's body with its parameters replaced by a call's arguments.

    Raises:
        Reported: the body takes a slice of a parameter whose argument is no plain register.
    """
    if isinstance(body, Read) and body.place.name in args:
        arg = args[body.place.name]
        if not body.place.index:
            return arg
        if not isinstance(arg, Read) or arg.place.index:
            text = f"a slice of `{body.place.name}` needs a name: `let v = ...` and pass v"
            raise scope.findings.reject(mismatch(span, text))
        place = body.place.replace(name=arg.place.name)
        return body.replace(place=place)
    if isinstance(body, Elementwise | NetCall):
        inner = tuple(substitute(scope, arg, args, span) for arg in body.args)
        return body.replace(args=inner)
    return body


def arg_type(scope: Scope, arg: Expr) -> RegType:
    """Return the type that a net is called with: a register's numerics, else float."""
    if isinstance(arg, Read):
        name = arg.place.name
        kind = scope.regs.live.get(name) or scope.regs.givens.get(name)
        if kind is not None:
            return RegType(numerics=kind.numerics, shape=arg.shape)
    return RegType(numerics=FLOAT, shape=arg.shape)


def fix_types(
    scope: Scope, draft: Draft, inputs: tuple[RegType, ...], output: Shape, span: Span
) -> None:
    """Give a slot its types on its first call; later calls must agree.

    Raises:
        Reported: they do not, or the shapes change from turn to turn.
    """
    shapes = [*(kind.shape for kind in inputs), output] if scope.turns else []
    if any(dim.names & set(scope.turns) for shape in shapes for dim in shape):
        raise scope.findings.reject(
            mismatch(span, "a net's shapes cannot change from turn to turn")
        )
    if draft.output is None or is_implied(draft.inputs):
        draft.inputs, draft.output = inputs, output
        return
    assert draft.inputs is not None
    before, now = [shape_text(k.shape) for k in draft.inputs], [shape_text(k.shape) for k in inputs]
    same = len(before) == len(now) and all(
        one.shape[-1:] == two.shape[-1:] and len(one.shape) == len(two.shape)
        for one, two in zip(draft.inputs, inputs, strict=True)
    )
    if not same or draft.output[-1:] != output[-1:]:
        text = f"`{draft.name}` is one net: it reads {', '.join(before)}, not {', '.join(now)}"
        raise scope.findings.reject(mismatch(span, text))
