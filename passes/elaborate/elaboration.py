"""All that has been elaborated of a program: what its bodies share as they are read."""

from collections import Counter
from collections.abc import Collection, Hashable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from revc.grammar import ast
from revc.grammar.diagnostics import Diagnostic
from revc.grammar.span import Span
from revc.ir.types import Numerics
from revc.passes.analysis.random_nets import Probe
from revc.passes.elaborate.bodies import Specialised
from revc.passes.elaborate.nets.slots import Net
from revc.passes.elaborate.scope.names import Names, file_dims
from revc.passes.elaborate.scope.types import DEFAULT, numerics
from revc.passes.modules import Module
from revc.passes.rules.c901_not_yet_supported import unsupported
from revc.passes.rules.m508_memory_infeasible import Least
from revc.passes.rules.report import Findings, Reported
from revc.passes.rules.s003_unknown_argument import bad_argument

if TYPE_CHECKING:
    from revc.passes.analysis.lipschitz import NetWeights
    from revc.passes.elaborate.kept import Kept

DEPTH = 64  # of bodies within bodies, called or written: a model is rarely 5 deep
MOST_VERSIONS = 100  # of a block: each has graphs of its own
MOST_IN_CALL = 5_000  # operations that the call of a net of nets is written out as
MOST_IN_ALL = 200_000  # operations that all such calls of a spec are written out as


@dataclass(frozen=True, slots=True)
class Spent:
    """What has been counted: turns of unshared loops, nets, operations written out."""

    turns: int = 0
    nets: int = 0
    written: int = 0

    def __add__(self, other: "Spent") -> "Spent":
        return Spent(self.turns + other.turns, self.nets + other.nets, self.written + other.written)

    def __sub__(self, other: "Spent") -> "Spent":
        return self + Spent(-other.turns, -other.nets, -other.written)

    def within(self, most: "Spent") -> bool:
        """Say whether nothing of it is more than `most`."""
        fits = self.turns <= most.turns and self.nets <= most.nets
        return fits and self.written <= most.written


def too_deep(at: Span) -> Diagnostic:
    """Return the finding for a body that is too deep in others."""
    return bad_argument("the call or loop", f"nests more than {DEPTH} deep here", at)


@dataclass(eq=False, repr=False)
class Elaboration:
    """All that has been elaborated of a program, and what its files declare.

    `probe` runs a net to see what it does, `least` counts the memory of a step, `weights` bounds
    nets by their parameters, where somebody asked for that; `kept` are blocks as an editor's last
    text had them, and `shared` counts how often a body has asked for a net of a file.
    `refused` are the statements that can be checked but not compiled yet; `checked` the places of
    each `undo alloc`, whose value is checked as it runs; `depths` how deep each block nests; `full`
    that there are too many nets to go on; `left_out` how many statements were refused; `turns` how
    many the unshared loops have in all, `nets` how many the bodies have; `open` the bodies that are
    being read; `at` the place of the statement that was read last; `guessed` the files of which a
    `state` or `dim` line was refused, so that what it says is a guess. `file_scopes` holds a
    `Scope` for each file with nets, the other two its nets and their declarations by name;
    `building` are the declarations of those that are being made.
    """

    findings: Findings
    main: Module
    overrides: Mapping[str, int]
    probe: Probe | None = None
    least: Least | None = None
    weights: "NetWeights | None" = None
    kept: "Kept | None" = None
    shared: int = 0
    done: dict[Hashable, Specialised] = field(default_factory=dict)
    refused: dict[Span, Diagnostic] = field(default_factory=dict)
    checked: set[Span] = field(default_factory=set)
    full: bool = False
    left_out: int = 0
    turns: int = 0
    nets: int = 0
    depths: dict[int, int] = field(default_factory=dict)
    open: list[ast.Node] = field(default_factory=list)
    at: Span | None = None
    guessed: set[int] = field(default_factory=set)
    file_scopes: dict[int, Any] = field(default_factory=dict)
    file_nets: dict[int, Net | None] = field(default_factory=dict)
    building: set[int] = field(default_factory=set)
    file_decls: dict[str, tuple[Module, ast.NetDecl]] = field(default_factory=dict)
    _names: dict[int, Names] = field(default_factory=dict)
    _numerics: dict[int, Numerics] = field(default_factory=dict)
    _taken: set[str] = field(default_factory=set)
    _written: int = 0
    _versions: Counter[int] = field(default_factory=Counter)

    def unsupported(self, kind: str, why: str, span: Span) -> None:
        """Note a statement that compiling refuses and linting takes."""
        self.refused.setdefault(span, unsupported(kind, why, span))

    @contextmanager
    def within(self, node: ast.Node, at: Span) -> Iterator[None]:
        """Elaborate the body of a block or a loop.

        Raises:
            Reported: bodies nest more than `DEPTH` deep.
        """
        if len(self.open) >= DEPTH:
            raise self.findings.reject(too_deep(at))
        self.open.append(node)
        try:
            yield
        finally:
            self.open.pop()

    def count_version(self, decl: ast.BlockDecl | ast.ModelDecl, at: Span) -> None:
        """Count one more set of arguments that a block is elaborated for, by the call `at`.

        Raises:
            Reported: they are too many: blocks that pass on nets of nets double with each call.
        """
        self._versions[id(decl)] += 1
        if self._versions[id(decl)] > MOST_VERSIONS:
            text = f"is called with more than {MOST_VERSIONS} sets of nets, numbers and shapes"
            raise self.findings.reject(bad_argument(decl.name, text, at))

    def versions(self, decl: ast.BlockDecl | ast.ModelDecl) -> int:
        """Return for how many sets of arguments a block was elaborated."""
        return self._versions[id(decl)]

    @property
    def spent(self) -> Spent:
        """What has been counted so far."""
        return Spent(self.turns, self.nets, self._written)

    def spend(self, more: Spent) -> None:
        """Count what bodies spent that are not read again."""
        total = self.spent + more
        self.turns, self.nets, self._written = total.turns, total.nets, total.written

    def write_out(self, net: str, operations: int, span: Span) -> None:
        """Count the operations that a call of a net of nets is written out as.

        Raises:
            Reported: they are too many: nets that call nets twice double with each of them.
        """
        self._written += operations
        if operations > MOST_IN_CALL or self._written > MOST_IN_ALL:
            many = (
                f"{MOST_IN_CALL} operations" if operations > MOST_IN_CALL else "can be written out"
            )
            text = f"comes to more than {many} with the nets that it calls"
            raise self.findings.reject(bad_argument(net, text, span))

    # --- files ----------------------------------------------------------------------------------

    def names(self, module: Module) -> Names:
        """Return the dims of a file."""
        if id(module) not in self._names:
            before = self.findings.reports
            self._names[id(module)] = file_dims(module, self.overrides, self.findings)
            if self.findings.reports > before:
                self.guessed.add(id(module))
        return self._names[id(module)]

    def numerics(self, module: Module) -> Numerics:
        """Return the state numerics of a file."""
        if id(module) not in self._numerics:
            found = self._stated(module)
            if found is None:
                return DEFAULT
            self._numerics[id(module)] = found
        return self._numerics[id(module)]

    def _stated(self, module: Module) -> Numerics | None:
        """Return what a file says, or means by saying nothing; None where that was refused."""
        for item in module.file.items:
            if isinstance(item, ast.StateDecl):
                try:
                    return numerics(item.numerics, self.names(module), self.findings)
                except Reported:
                    self.guessed.add(id(module))
                    return None
        return DEFAULT

    def block_name(self, stem: str) -> str:
        """Return a name for a block that no other has."""
        name = self.free_name(stem)
        self.take_name(name)
        return name

    def free_name(self, stem: str, others: Collection[str] = ()) -> str:
        """Return the name that a block would have if these other names were taken too."""
        name, n = stem, 1
        while name in self._taken or name in others:
            n += 1
            name = f"{stem}_{n}"
        return name

    def take_name(self, name: str) -> None:
        """Let no other block have a name."""
        self._taken.add(name)
