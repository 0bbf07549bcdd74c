"""Blocks and models: each is elaborated once for each set of argument types, nets and numbers."""

from collections.abc import Hashable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from revc.grammar import ast
from revc.grammar.diagnostics import Diagnostic
from revc.grammar.span import Span
from revc.ir.dims import Dim
from revc.ir.expr import Read
from revc.ir.instructions.base import unsupported
from revc.ir.make import make
from revc.ir.nets import Hole
from revc.ir.types import Numerics, RegType
from revc.passes.elaborate.bodies import Specialised, close
from revc.passes.elaborate.interface import Interface, interface, own_interface, results
from revc.passes.elaborate.nets.keys import net_key
from revc.passes.elaborate.nets.slots import Draft, Namer, Net, Slots, import_net
from revc.passes.elaborate.scope.names import Names, file_dims
from revc.passes.elaborate.scope.registers import Registers
from revc.passes.elaborate.scope.scope import Scope, declared
from revc.passes.elaborate.scope.types import DEFAULT, numerics
from revc.passes.modules import Module
from revc.passes.rules.report import Findings, Reported
from revc.passes.rules.s002_unknown_name import RULE as UNKNOWN
from revc.passes.rules.s003_unknown_argument import bad_argument

DEPTH = 64  # of bodies within bodies, called or written: a model is rarely 5 deep


def _too_deep(at: Span) -> Diagnostic:
    return bad_argument("blocks and loops", f"nest more than {DEPTH} deep here", at)


@dataclass(eq=False, repr=False)
class Elaboration:
    """All that has been elaborated of a program, and what its files declare.

    `refused` are the statements that can be checked but not compiled yet; `checked` the places of
    each `undo alloc`, whose value is checked as it runs; `depths` how deep each block nests; `full`
    that there are too many nets to go on.
    """

    findings: Findings
    main: Module
    overrides: Mapping[str, int]
    done: dict[Hashable, Specialised] = field(default_factory=dict)
    refused: dict[Span, Diagnostic] = field(default_factory=dict)
    checked: set[Span] = field(default_factory=set)
    full: bool = False
    depths: dict[int, int] = field(default_factory=dict)
    _open: list[ast.Node] = field(default_factory=list)
    _names: dict[int, Names] = field(default_factory=dict)
    _scopes: dict[int, Scope] = field(default_factory=dict)
    _nets: dict[int, Net | None] = field(default_factory=dict)
    _decls: dict[str, tuple[Module, ast.NetDecl]] = field(default_factory=dict)
    _taken: set[str] = field(default_factory=set)

    def unsupported(self, kind: str, span: Span) -> None:
        """Note a statement that compiling refuses and linting takes."""
        self.refused.setdefault(span, unsupported(kind, span))

    @contextmanager
    def within(self, node: ast.Node, at: Span) -> Iterator[None]:
        """Elaborate the body of a block or a loop.

        Raises:
            Reported: bodies nest more than `DEPTH` deep.
        """
        if len(self._open) >= DEPTH:
            raise self.findings.reject(_too_deep(at))
        self._open.append(node)
        try:
            yield
        finally:
            self._open.pop()

    # --- files ----------------------------------------------------------------------------------

    def names(self, module: Module) -> Names:
        """Return the dims of a file."""
        if id(module) not in self._names:
            self._names[id(module)] = file_dims(module, self.overrides, self.findings)
        return self._names[id(module)]

    def numerics(self, module: Module) -> Numerics:
        """Return the state numerics of a file."""
        for item in module.file.items:
            if isinstance(item, ast.StateDecl):
                try:
                    return numerics(item.numerics, self.names(module), self.findings)
                except Reported:
                    break
        return DEFAULT

    def file_scope(self, module: Module) -> Scope:
        """Return the scope of a file's own nets."""
        if id(module) not in self._scopes:
            self._scopes[id(module)] = Scope(
                self, module.prefix, module, self.names(module), self.numerics(module),
                Registers(self.findings), Slots(), Namer(frozenset(), module.prefix),
            )  # fmt: skip
        return self._scopes[id(module)]

    def file_net(self, home: Scope, decl: ast.NetDecl) -> Net | None:
        """Return a file's net as a net of its file's scope; None when it is wrong."""
        from revc.passes.elaborate.nets.declarations import build

        if id(decl) not in self._nets:
            self._nets[id(decl)] = None  # while it is built, it does not see itself
            full = home.module.prefix + decl.name
            self._decls[full] = home.module, decl
            try:
                self._nets[id(decl)] = build(home, decl, full)
            except Reported:
                return None
        return self._nets[id(decl)]

    def file_decl(self, full: str) -> tuple[Module, ast.NetDecl]:
        """Return the declaration of a file's net by its full name."""
        return self._decls[full]

    # --- blocks ---------------------------------------------------------------------------------

    def call(
        self,
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
            Reported: an argument has not its parameter's type, or the block calls itself.
        """
        if any(decl is one for one in self._open):
            text = f"`{decl.name}` calls itself: blocks do not recurse"
            raise self.findings.reject(UNKNOWN.at(node.block_span, text))
        face = interface(caller, node, module, decl, state, givens, undo)
        block = self.specialise(module, decl, face, generics, caller, node.span)
        if len(self._open) + self.depths[id(block.block)] > DEPTH:
            raise self.findings.reject(_too_deep(node.span))
        return block

    def elaborate_root(
        self, module: Module, decl: ast.BlockDecl | ast.ModelDecl
    ) -> Specialised | None:
        """Return a block or model as it is declared; its nets in <> are holes. None if refused."""

        try:
            face = own_interface(self, module, decl)
            return self.specialise(module, decl, face, None, None)
        except Reported:
            return None

    def specialise(
        self,
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
        if key not in self.done:
            scope = self._scope(module, decl, face, passed, caller)
            with self.within(decl, at or decl.name_span):
                self.done[key] = self._elaborate(scope, decl, face)
        elif not self.done[key].whole:
            self.findings.again()
        return self.done[key]

    def _scope(
        self,
        module: Module,
        decl: ast.BlockDecl | ast.ModelDecl,
        face: Interface,
        generics: Mapping[str, Net | Dim],
        caller: Scope | None,
    ) -> Scope:
        live = {register.name: register.type for register in face.takes}
        regs = Registers(self.findings, live, {r.name: r.type for r in face.givens})
        scope = Scope(
            self, self._name(decl.name), module, dict(face.names), face.numerics, regs, Slots(),
            Namer(declared(decl.body)),
        )  # fmt: skip
        for generic in decl.generics if isinstance(decl, ast.BlockDecl) else ():
            self._generic(scope, generic, generics.get(generic.name), caller)
        return scope

    def _generic(
        self, scope: Scope, generic: ast.Generic, value: Net | Dim | None, caller: Scope | None
    ) -> None:
        from revc.passes.elaborate.scope.names import number

        name = generic.name
        if isinstance(value, Net):
            assert caller is not None
            scope.nets[name] = import_net(
                value, caller.slots, scope.slots, lambda k: (name, k), name
            )
        elif value is not None:
            scope.names[name] = value
        elif generic.default is not None:
            scope.names[name] = number(generic.default, {}, self.findings)
        else:
            slot = scope.slots.add(Draft(name, generic.span, make(Hole, name=name)))
            scope.nets[name] = Net(name, None, None, None, (slot,), open=True)

    def _name(self, stem: str) -> str:
        """Return a name for a block that no other has."""
        name, n = stem, 1
        while name in self._taken:
            n += 1
            name = f"{stem}_{n}"
        self._taken.add(name)
        return name

    def _elaborate(
        self, scope: Scope, decl: ast.BlockDecl | ast.ModelDecl, face: Interface
    ) -> Specialised:
        from revc.passes.elaborate.statements.table import run

        before = self.findings.reports
        steps = run(scope, decl.body)
        gives = results(scope, decl, face)
        body = close(scope, scope.path, decl.span, face.takes, gives, face.givens, steps)
        whole = self.findings.reports == before
        return Specialised(body.block, body.links, body.emits, decl, tuple(scope.doubts), whole)
