"""Blocks and models: each is elaborated once for each set of argument types, nets and numbers."""

from collections.abc import Mapping

from revc.grammar import ast
from revc.grammar.span import Span
from revc.ir.dims import Dim, DimError
from revc.ir.expr import Read, size
from revc.ir.nets import Hole
from revc.ir.types import RegType
from revc.passes.elaborate.bodies import Specialised
from revc.passes.elaborate.close import close
from revc.passes.elaborate.elaboration import DEPTH, Elaboration, too_deep
from revc.passes.elaborate.emits import told_apart
from revc.passes.elaborate.interface import Interface, interface, own_interface, results
from revc.passes.elaborate.nets.keys import net_key
from revc.passes.elaborate.nets.slots import Draft, Namer, Net, Slots, import_net
from revc.passes.elaborate.scope.names import beyond, number
from revc.passes.elaborate.scope.registers import Registers
from revc.passes.elaborate.scope.scope import Scope, declared
from revc.passes.modules import Module
from revc.passes.rules.report import Reported
from revc.passes.rules.s002_unknown_name import RULE as UNKNOWN


def call(
    caller: Scope,
    node: ast.BlockCall,
    module: Module,
    decl: ast.BlockDecl,
    generics: Mapping[str, Net | Dim],
    state: list[RegType],
    givens: Mapping[str, Read],
    undo: bool,
) -> Specialised:
    """Return the block that a call runs.

    Raises:
        Reported: an argument has not its parameter's type, or the block calls itelaboration.
    """
    elaboration = caller.elaboration
    if any(decl is one for one in elaboration.open):
        text = f"`{decl.name}` calls itself: blocks do not recurse"
        raise elaboration.findings.reject(UNKNOWN.at(node.block_span, text))
    face = interface(caller, node, module, decl, state, givens, undo)
    block = specialise(elaboration, module, decl, face, generics, caller, node.span)
    if len(block.block.gives if undo else block.block.takes) != len(state):
        raise Reported  # the block does not give back what it took, and that was reported
    if len(elaboration.open) + elaboration.depths[id(block.block)] > DEPTH:
        raise elaboration.findings.reject(too_deep(node.span))
    return block


def elaborate_root(
    elaboration: Elaboration, module: Module, decl: ast.BlockDecl | ast.ModelDecl
) -> Specialised | None:
    """Return a block or model as it is declared; its nets in <> are holes. None if refused."""
    try:
        face = _own_face(elaboration, module, decl)
        return specialise(elaboration, module, decl, face, None, None)
    except Reported:
        return None
    except DimError as error:
        elaboration.findings.add(beyond(error, decl.name_span))
        return None


def _own_face(
    elaboration: Elaboration, module: Module, decl: ast.BlockDecl | ast.ModelDecl
) -> Interface:
    if elaboration.kept is None:
        return own_interface(elaboration, module, decl)
    return elaboration.kept.face(
        elaboration, decl, lambda: own_interface(elaboration, module, decl)
    )


def specialise(
    elaboration: Elaboration,
    module: Module,
    decl: ast.BlockDecl | ast.ModelDecl,
    face: Interface,
    generics: Mapping[str, Net | Dim] | None,
    caller: Scope | None,
    at: Span | None = None,
) -> Specialised:
    """Return the block for one interface and one set of generics, elaborated once.

    Raises:
        Reported: calls nest too deep, seen from the call `at`.
    """
    slots = caller.slots if caller is not None else Slots()
    passed = generics or {}
    key = id(decl), generics is None, face.key, tuple(
        net_key(value, slots) if isinstance(value, Net) else value for value in passed.values()
    )  # fmt: skip
    plain = isinstance(decl, ast.ModelDecl) or not decl.generics
    key = (key[0], True, key[2], ()) if plain else key
    kept = elaboration.kept
    if kept is not None:
        kept.called(key)
    if key not in elaboration.done:
        if at is not None:
            elaboration.count_version(decl, at)
            for net in passed.values():
                if isinstance(net, Net) and net.body is not None:
                    elaboration.write_out(net.name, size(net.body), at)
        path = elaboration.block_name(decl.name)

        def make() -> Specialised:
            scope = _scope(elaboration, path, module, decl, face, passed, caller)
            with elaboration.within(decl, at or decl.name_span):
                return _elaborate(scope, decl, face)

        alone = kept is not None and not passed
        elaboration.done[key] = (
            kept.elaborated(elaboration, key, path, make) if kept is not None and alone else make()
        )
    elif not elaboration.done[key].whole:
        elaboration.findings.again()
        elaboration.left_out += not elaboration.done[key].complete
    return elaboration.done[key]


def _scope(
    elaboration: Elaboration,
    path: str,
    module: Module,
    decl: ast.BlockDecl | ast.ModelDecl,
    face: Interface,
    generics: Mapping[str, Net | Dim],
    caller: Scope | None,
) -> Scope:
    live = {register.name: register.type for register in face.takes}
    regs = Registers(elaboration.findings, live, {r.name: r.type for r in face.givens})
    scope = Scope(
        elaboration, path, module, dict(face.names), face.numerics, regs, Slots(),
        Namer(declared(decl.body)),
    )  # fmt: skip
    for generic in decl.generics if isinstance(decl, ast.BlockDecl) else ():
        _generic(scope, generic, generics.get(generic.name), caller)
    return scope


def _generic(
    scope: Scope, generic: ast.Generic, value: Net | Dim | None, caller: Scope | None
) -> None:
    name = generic.name
    if isinstance(value, Net):
        assert caller is not None
        scope.nets[name] = import_net(value, caller.slots, scope.slots, lambda k: (name, k), name)
    elif value is not None:
        scope.names[name] = value
    elif generic.default is not None:
        scope.names[name] = number(generic.default, {}, scope.findings)
    else:
        slot = scope.slots.add(Draft(name, generic.span, Hole(name=name)))
        scope.nets[name] = Net(name, None, None, None, (slot,), open=True)


def _elaborate(scope: Scope, decl: ast.BlockDecl | ast.ModelDecl, face: Interface) -> Specialised:
    from revc.passes.elaborate.statements.table import run

    before, left_out = scope.findings.reports, scope.elaboration.left_out
    steps = told_apart(scope, run(scope, decl.body))
    gives = results(scope, decl, face)
    body = close(scope, scope.path, decl.span, face.takes, gives, face.givens, steps)
    whole = scope.findings.reports == before
    complete = scope.elaboration.left_out == left_out
    return Specialised(
        body.block, body.links, body.emits, decl, tuple(scope.doubts), whole, complete
    )
