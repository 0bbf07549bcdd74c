"""What a body sees: its registers, its sizes, its nets, and the program around it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from revc.grammar import ast
from revc.grammar.span import Span
from revc.ir.dims import Dim
from revc.ir.types import Numerics
from revc.passes.analysis.doubts import Doubt
from revc.passes.analysis.reserved_names import reserved
from revc.passes.elaborate.bodies import Called
from revc.passes.elaborate.elaboration import Elaboration
from revc.passes.elaborate.nets.slots import Namer, Net, Slots
from revc.passes.elaborate.scope.names import Names
from revc.passes.elaborate.scope.registers import Registers
from revc.passes.modules import Module
from revc.passes.rules.report import Findings
from revc.passes.rules.s009_redefined_name import redefined

Emission = tuple[str, Span, str | None]
"""A name that is emitted, by which statement, and for a call the call's label."""


@dataclass(eq=False, repr=False)
class Scope:
    """One body as it is read: a block's, a model's, a repeat's, or that of a file's nets.

    `names` are the sizes and numbers in reach, `turns` those of them that count turns, with the
    number of turns that each counts. A repeat's body has a `parent`, whose nets it sees. `numerics`
    is what a bare `[..]` type means, `path` what the body is called. `numbered` are the calls that
    have no label, by the names of their nets. `refused` are nets that could not be made.
    """

    elaboration: Elaboration
    path: str
    module: Module
    names: Names
    numerics: Numerics
    regs: Registers
    slots: Slots
    namer: Namer
    turns: Mapping[str, Dim] = field(default_factory=dict)
    parent: "Scope | None" = None
    nets: dict[str, Net] = field(default_factory=dict)
    labels: dict[str, Called] = field(default_factory=dict)
    numbered: dict[str, ast.BlockCall] = field(default_factory=dict)
    doubts: list[Doubt] = field(default_factory=list)
    emissions: list[Emission] = field(default_factory=list)
    emitted: dict[str, None] = field(default_factory=dict)
    claimed: dict[str, str] = field(default_factory=dict)
    refused: set[str] = field(default_factory=set)

    @property
    def findings(self) -> Findings:
        """Where what is wrong goes."""
        return self.elaboration.findings

    def claim(self, name: str, what: str, span: Span) -> None:
        """Give a name of this body to a net, a call or a loop, once.

        Raises:
            Reported: it is taken.
        """
        if (earlier := reserved(name, "module")) is not None:
            raise self.findings.reject(redefined(name, earlier, span))
        if name in self.claimed:
            raise self.findings.reject(redefined(name, self.claimed[name], span))
        self.claimed[name] = what

    def emit(self, names: Iterable[str], span: Span, call: str | None = None) -> None:
        """Note values that this body hands to its caller; their names are the caller's fields.

        Those of a call are told apart as the body ends (see `emits`).

        Raises:
            Reported: one of them is emitted twice.
        """
        for name in names:
            if call is None and any(n == name and c is None for n, _, c in self.emissions):
                raise self.findings.reject(redefined(name, "emitted by this body", span))
            self.emissions.append((name, span, call))

    def known_nets(self) -> list[str]:
        """Return the names of the nets in reach, for suggestions."""
        own = list(self.nets)
        return own + (self.parent.known_nets() if self.parent else self.module.known(ast.NetDecl))

    def visible(self, name: str) -> str | None:
        """Say what `name` already is, for findings about names declared twice; None if nothing."""
        if name in self.names:
            return "a turn" if name in self.turns else "a dim or number"
        if name in self.nets:
            return "a net"
        if self.module.find(name) or name in self.module.imports:
            return "a name of this file"
        return None


def declared(body: tuple[ast.Stmt, ...]) -> frozenset[str]:
    """Return the names that the statements of a body give to nets and calls, nested ones not."""
    found = set()
    for statement in body:
        inner = statement.statement if isinstance(statement, ast.Undo) else statement
        if isinstance(inner, ast.NetDecl):
            found.add(inner.name)
        if isinstance(inner, ast.BlockCall | ast.Repeat) and inner.label:
            found.add(inner.label)
    return frozenset(found)
