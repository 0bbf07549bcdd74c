"""What a block takes and gives: parameter types, against what a call passes."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass

from revc.grammar import ast
from revc.grammar.span import Span
from revc.ir.expr import Read
from revc.ir.program import Register
from revc.ir.types import Label, Numerics, RegType
from revc.passes.elaborate.elaboration import Elaboration
from revc.passes.elaborate.nets.calls import arg_type
from revc.passes.elaborate.scope.names import Names
from revc.passes.elaborate.scope.scope import Scope
from revc.passes.elaborate.scope.types import regtype
from revc.passes.elaborate.unify import unify
from revc.passes.modules import Module
from revc.passes.rules.l101_dropped_state import dropped
from revc.passes.rules.report import Reported
from revc.passes.rules.s003_unknown_argument import bad_argument, not_given_back
from revc.passes.rules.s007_numeric_mix import other_type
from revc.passes.rules.s009_redefined_name import redefined

Decl = ast.BlockDecl | ast.ModelDecl


@dataclass(frozen=True, eq=False, repr=False)
class Interface:
    """The types that a block is elaborated for, and the sizes and numerics that follow."""

    takes: tuple[Register, ...]
    givens: tuple[Register, ...]
    names: Names
    numerics: Numerics

    @property
    def key(self) -> Hashable:
        """What tells one interface of a block from another."""
        types = tuple(
            (str(register.type.numerics), register.type.shape)
            for register in (*self.takes, *self.givens)
        )
        return types, str(self.numerics), tuple(self.names.items())


def own_interface(elaboration: Elaboration, module: Module, decl: Decl) -> Interface:
    """Return the interface that a block or model declares.

    Raises:
        Reported: a parameter has no type, or a wrong one.
    """
    names, numerics = elaboration.names(module), elaboration.numerics(module)
    types = {
        p.name: _type(elaboration, p, decl, numerics, names) for p in _params(elaboration, decl)
    }
    return _interface(decl, types, names, numerics)


def interface(
    caller: Scope,
    node: ast.BlockCall,
    module: Module,
    decl: ast.BlockDecl,
    state: list[RegType],
    givens: Mapping[str, Read],
    undo: bool,
) -> Interface:
    """Return the interface for a call.

    A block of the caller's file sees the caller's dims. One of another file takes its free dims,
    and its state numerics where its types name none, from the arguments.

    Raises:
        Reported: an argument does not fit.
    """
    elaboration = caller.elaboration
    passed = {param.name: kind for param, kind in zip(_state(decl, undo), state, strict=True)}
    passed |= {name: arg_type(caller, at) for name, at in givens.items()}
    params = {param.name: param for param in _params(elaboration, decl)}
    if undo and decl.results is not None:
        params |= {param.name: param for param in ast.typed(decl.results)}
    names = {name: caller.names[name] for name in elaboration.names(module) if name in caller.names}
    numerics = caller.numerics
    if module is not caller.module:
        numerics = _adapted(elaboration, module, params, passed)
        names = unify(elaboration, module, params, passed)
    for name, kind in passed.items():
        wanted = _type(elaboration, params[name], decl, numerics, names, kind)
        says = f"`{node.block}` takes {{want}} for `{name}`, but is given {{have}}"
        caller.findings.demand(other_type(kind, wanted, says, node.span))
    types = {
        p.name: _type(
            elaboration, p, decl, numerics, names, passed.get(p.name) if p.given else None
        )
        for p in _params(elaboration, decl)
    }
    return _interface(decl, types, names, numerics)


def _interface(
    decl: Decl, types: dict[str, RegType], names: Names, numerics: Numerics
) -> Interface:
    registers = [
        (param.given, Register(span=param.span, name=param.name, type=types[param.name]))
        for param in decl.params
    ]
    takes = tuple(register for given, register in registers if not given)
    givens = tuple(register for given, register in registers if given)
    return Interface(takes, givens, names, numerics)


def _state(decl: ast.BlockDecl, undo: bool) -> list[ast.Param]:
    params = decl.results if undo and decl.results is not None else decl.params
    return [param for param in params if not param.given]


def _params(elaboration: Elaboration, decl: Decl) -> tuple[ast.Param, ...]:
    seen: set[str] = set()
    for param in decl.params:
        if param.name in seen:
            raise elaboration.findings.reject(redefined(param.name, "a parameter", param.span))
        seen.add(param.name)
    return ast.typed(decl.params)


def _type(
    elaboration: Elaboration,
    param: ast.Param,
    decl: Decl,
    numerics: Numerics,
    names: Names,
    passed: RegType | None = None,
) -> RegType:
    """Return a parameter's type; a given that names no numerics has those of what is passed."""
    if param.type is None:
        text = f"says no type for `{param.name}`"
        raise elaboration.findings.reject(bad_argument(decl.name, text, param.span))
    if param.given and passed is not None and not isinstance(passed.numerics, Label):
        numerics = passed.numerics
    return regtype(param.type, numerics, names, elaboration.findings)


def _adapted(
    elaboration: Elaboration,
    module: Module,
    params: Mapping[str, ast.Param],
    passed: Mapping[str, RegType],
) -> Numerics:
    for name, kind in passed.items():
        param = params[name]
        bare = param.type is not None and param.type.numerics is None and not param.given
        if bare and not isinstance(kind.numerics, Label):
            return kind.numerics
    return elaboration.numerics(module)


def results(scope: Scope, decl: Decl, face: Interface) -> tuple[Register, ...]:
    """Return what a body gives at its end; findings for what it leaves behind or lacks."""
    live, findings = scope.regs.live, scope.findings
    gives: list[Register] = []
    if decl.results is None:
        lost = {r.name: r.type for r in face.takes if r.name in scope.regs.lost}
        ends = {**lost, **live}
        names = [r.name for r in face.takes if r.name in ends]
        gone = [r.name for r in face.takes if r.name not in ends]
        if gone and isinstance(decl, ast.BlockDecl):
            findings.add(not_given_back(decl.name, gone[0], decl.name_span))
        gives = [Register(span=decl.name_span, name=n, type=ends[n]) for n in names]
    else:
        seen: set[str] = set()
        for param in ast.typed(decl.results):
            if param.name in seen:
                findings.add(redefined(param.name, "a result", param.span))
                continue
            seen.add(param.name)
            register = _result(scope, decl, param)
            gives += [register] if register is not None else []
    for register in gives:
        if isinstance(decl, ast.ModelDecl) and register.name in scope.emitted:
            findings.add(redefined(register.name, "emitted by this model", register.span))
    kept = {register.name for register in gives} | {p.name for p in decl.results or ()}
    for name in live:
        if name not in kept:
            findings.add(dropped(name, _born(scope, face, decl, name)))
    return tuple(gives)


def _result(scope: Scope, decl: Decl, param: ast.Param) -> Register | None:
    try:
        if param.type is None:
            text = f"says no type for the result `{param.name}`"
            raise scope.findings.reject(bad_argument(decl.name, text, param.span))
        want = regtype(param.type, scope.numerics, scope.names, scope.findings)
        have = scope.regs.target(param.name, param.span)
    except Reported:
        return None
    says = f"`{param.name}` is declared {{want}}, but ends as {{have}}"
    wrong = other_type(have, want, says, param.span)
    if wrong is not None:
        scope.findings.add(wrong)
    return Register(span=param.span, name=param.name, type=have)


def _born(scope: Scope, face: Interface, decl: Decl, name: str) -> Span:
    made = scope.regs.written.get(name)
    for register in face.takes:
        if register.name == name:
            return register.span
    return made or decl.name_span
