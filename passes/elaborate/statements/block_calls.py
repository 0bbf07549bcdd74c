"""Block calls: which block, with which arguments, and whose nets."""

from collections.abc import Hashable

from revc.grammar import ast
from revc.grammar.diagnostics import Diagnostic
from revc.grammar.signatures import builtin_signatures
from revc.ir.expr import Read
from revc.ir.instructions import BlockCall, Instruction, forgets
from revc.passes.analysis.arguments import Formals
from revc.passes.analysis.doubts import doubtful
from revc.passes.analysis.exact_state import exact_state
from revc.passes.elaborate import specialise
from revc.passes.elaborate.arguments import all_of, matched
from revc.passes.elaborate.bodies import Called, Generics, Specialised
from revc.passes.elaborate.expressions import places_read, read
from revc.passes.elaborate.linking import instantiate
from revc.passes.elaborate.nets.lookup import net_named
from revc.passes.elaborate.nets.settings import same_each_turn
from revc.passes.elaborate.nets.slots import Net
from revc.passes.elaborate.scope.names import number
from revc.passes.elaborate.scope.scope import Scope
from revc.passes.elaborate.statements.updates import check_exact
from revc.passes.modules import Module
from revc.passes.rules.l103_duplicate_argument import also_given
from revc.passes.rules.l111_forget_undone import forget_undone
from revc.passes.rules.report import Reported
from revc.passes.rules.s002_unknown_name import RULE as UNKNOWN
from revc.passes.rules.s002_unknown_name import unknown_name
from revc.passes.rules.s003_unknown_argument import (
    bad_argument,
    missing_argument,
)
from revc.passes.rules.s004_shape_mismatch import mismatch


def block_call(scope: Scope, node: ast.BlockCall, undo: bool) -> list[Instruction]:
    """`label: Block<F, h = 2>(a, b)`, `uncall Block(a, b)` and `uncall label(a, b)`."""
    undo = node.uncall != undo
    earlier = scope.labels.get(node.block)
    if earlier is not None:
        return _again(scope, node, earlier, undo)
    module, decl = _block(scope, node)
    label = _label(scope, node)
    generics = _generics(scope, node, decl)
    state, givens = _arguments(scope, node, decl, undo)
    types = [scope.regs.target(name.id, name.span) for name in state]
    block = specialise.call(scope, node, module, decl, generics, types, givens, undo)
    _no_forgetting(scope, node, block, undo)
    nets = instantiate(scope, block, label, _links(generics))
    if node.label is not None:
        scope.labels[label] = Called(label, module, decl, generics, block, nets, undo)
    return [_finish(scope, node, label, block, undo, state, givens, nets)]


def _again(scope: Scope, node: ast.BlockCall, earlier: Called, undo: bool) -> list[Instruction]:
    """Call by a label: the same block with the same nets, `undo` seen from that call."""
    undo = earlier.undo != undo
    if node.generics or node.label:
        text = "is a label: its generics are those of its call"
        raise scope.findings.reject(bad_argument(node.block, text, node.block_span))
    state, givens = _arguments(scope, node, earlier.decl, undo)
    types = [scope.regs.target(name.id, name.span) for name in state]
    block = specialise.call(
        scope, node, earlier.module, earlier.decl, earlier.generics, types, givens, undo
    )
    _no_forgetting(scope, node, block, undo)
    if block is not earlier.block:
        text = f"`{node.block}` was called with other shapes"
        raise scope.findings.reject(mismatch(node.span, text))
    return [_finish(scope, node, earlier.label, block, undo, state, givens, earlier.nets)]


def _no_forgetting(scope: Scope, node: ast.BlockCall, block: Specialised, undo: bool) -> None:
    if undo and forgets(block.block):
        raise scope.findings.reject(forget_undone(f"`{node.block}`, which forgets,", node.span))


def _block(scope: Scope, node: ast.BlockCall) -> tuple[Module, ast.BlockDecl]:
    found = scope.module.find(node.block)
    if scope.module.imports.get(node.block, scope) is None:
        if node.block in builtin_signatures():
            text = f"`{node.block}` is a net: read it in an expression"
            raise scope.findings.reject(UNKNOWN.at(node.block_span, text))
        raise Reported  # the file that it comes from was not found, and reported
    if found is None or not isinstance(found[1], ast.BlockDecl) or found[0] is None:
        if node.block in scope.numbered:
            raise scope.findings.reject(unlabelled(scope, node))
        known = [*scope.module.known(ast.BlockDecl), *scope.labels]
        raise scope.findings.reject(unknown_name("block", node.block, node.block_span, known))
    return found[0], found[1]


def _label(scope: Scope, node: ast.BlockCall) -> str:
    if node.label is None:
        label = scope.namer.next(node.block)
        scope.numbered[label] = node
        return label
    scope.claim(node.label, "a call of this body", node.span)
    return node.label


def unlabelled(scope: Scope, node: ast.BlockCall) -> Diagnostic:
    """Return the finding for a call by the name that another has only where its nets are named."""
    other = scope.numbered[node.block]
    text = (
        f"`{node.block}` is how the nets of the call on line {other.span.line} are named: label "
        f"that call, `enc: {other.block}(..)`, and say `uncall enc(..)`"
    )
    return UNKNOWN.at(node.block_span, text)


def _generics(scope: Scope, node: ast.BlockCall, decl: ast.BlockDecl) -> Generics:
    """Return the nets and numbers that a call passes in angle brackets, defaults filled in."""
    names = tuple(generic.name for generic in decl.generics)
    takes = Formals(node.block, names, shown="<{}>")
    given = matched(scope.findings, node.generics, takes).given
    generics: Generics = {}
    for generic in decl.generics:
        value = given[generic.name].value if generic.name in given else generic.default
        if value is None:
            what = missing_argument(node.block, f"<{generic.name}>", node.block_span)
            raise scope.findings.reject(what)
        if generic.default is None:
            generics[generic.name] = _net(scope, value)
        elif generic.name in given:
            generics[generic.name] = found = number(value, scope.names, scope.findings)
            same_each_turn(scope, node.block, found, value.span)
        else:
            generics[generic.name] = number(value, {}, scope.findings)
    return generics


def _net(scope: Scope, node: ast.Expr) -> Net:
    if not isinstance(node, ast.Name):
        text = "is passed by its name: declare it with `net F = ...` first"
        raise scope.findings.reject(bad_argument("a net in <>", text, node.span))
    return net_named(scope, node.id, node.span)


def _links(generics: Generics) -> dict[Hashable, int]:
    """Return the caller's slot for each slot of a net that is passed."""
    return {
        (name, k): slot
        for name, net in generics.items()
        if isinstance(net, Net)
        for k, slot in enumerate(net.uses)
    }


def _arguments(
    scope: Scope, node: ast.BlockCall, decl: ast.BlockDecl, undo: bool
) -> tuple[list[ast.Name], dict[str, Read]]:
    """Return the registers that a call passes, in order, and what its givens read."""
    params = _wanted(decl, undo)
    takes = Formals(node.block, tuple(param.name for param in params))
    given = all_of(scope.findings, node.args, takes, node.span)
    state = [_register(scope, node, given[p.name]) for p in params if not p.given]
    scope.regs.distinct((name.id, name.span) for name in state)
    givens = {p.name: _given(scope, node, given[p.name]) for p in params if p.given}
    changed = {name.id for name in state}
    for at in givens.values():
        for place, let in places_read(scope, at):
            if place.name in changed:
                raise scope.findings.reject(also_given(place.name, at.span, let))
    return state, givens


def _wanted(decl: ast.BlockDecl, undo: bool) -> list[ast.Param]:
    """Return what a call passes: the parameters, or for `uncall` the results and the givens."""
    if not undo or decl.results is None:
        return list(decl.params)
    return [*decl.results, *(param for param in decl.params if param.given)]


def _register(scope: Scope, node: ast.BlockCall, arg: ast.Arg) -> ast.Name:
    if not isinstance(arg.value, ast.Name):
        text = "takes whole registers as state: `split` a part off first"
        raise scope.findings.reject(bad_argument(node.block, text, arg.span))
    return arg.value


def _given(scope: Scope, node: ast.BlockCall, arg: ast.Arg) -> Read:
    if not isinstance(arg.value, ast.Name | ast.Index):
        text = "takes a name or a slice for a given: `let v = ...` names a value"
        raise scope.findings.reject(bad_argument(node.block, text, arg.span))
    at = read(scope, arg.value)
    assert isinstance(at, Read)
    return at


def _exact(scope: Scope, node: ast.BlockCall, block: Specialised, givens: dict[str, Read]) -> None:
    """Check that a block with exact state reads no float state of its caller."""
    kind = exact_state(block.block) if givens else None
    if kind is None:
        return
    for at in givens.values():
        says = f"`{node.block}`, which changes {kind}, reads float state"
        check_exact(scope, at.span, at, kind, says)


def _finish(
    scope: Scope,
    node: ast.BlockCall,
    label: str,
    block: Specialised,
    undo: bool,
    state: list[ast.Name],
    givens: dict[str, Read],
    nets: tuple[int, ...],
) -> BlockCall:
    """Move the registers through the call.

    Raises:
        Reported: an `uncall` passes other types than the block gives, whose results are unstated.
    """
    _exact(scope, node, block, givens)
    scope.emit(block.emits, node.span, label)
    ir = block.block
    takes, gives = (ir.gives, ir.takes) if undo else (ir.takes, ir.gives)
    held = {register.name: name.id for register, name in zip(takes, state, strict=True)}
    for register, name in zip(takes, state, strict=True):
        kind = scope.regs.target(name.id, name.span)
        if kind != register.type:
            text = f"`{node.block}` gives {register.type} for `{register.name}`, not {kind}"
            raise scope.findings.reject(mismatch(name.span, text, "state the block's results"))
    results = [held.get(register.name, register.name) for register in gives]
    for name in state:
        scope.regs.take(name.id, f"passed to {node.block}", node.span)
    for result, register in zip(results, gives, strict=True):
        scope.regs.make(result, register.type, node.span)
    if block.doubts:
        scope.doubts.append(doubtful(node.block, block.doubts, node.span))
    places = tuple(givens[register.name].place for register in ir.givens)
    return BlockCall(
        span=node.span, label=label, block=ir, undo=undo, args=tuple(n.id for n in state),
        results=tuple(results), givens=places, nets=nets,
    )  # fmt: skip
