"""One pass over a design: everything in it is elaborated, and every rule's check is run, once.

Compiling and linting both go this way. A model that is compiled comes first, so that its blocks
have the names that they would have alone.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from revc.grammar import ast
from revc.grammar.diagnostics import Diagnostic
from revc.ir.dims import DimError
from revc.ir.instructions.metered import Coded
from revc.ir.nets import NetSlot, TorchClass
from revc.ir.program import Budget, MemoryBound, Program, StackDecl
from revc.passes.analysis.budget_verdict import own_budgets, verdict
from revc.passes.analysis.dims_needed import free_dims
from revc.passes.analysis.doubts import Verdict
from revc.passes.analysis.proof import Proof, prove
from revc.passes.elaborate.bodies import Specialised
from revc.passes.elaborate.budgets import budgets, memory_bound, stacks
from revc.passes.elaborate.elaboration import Elaboration
from revc.passes.elaborate.nets.lookup import file_net, file_scope
from revc.passes.elaborate.scope.names import beyond
from revc.passes.elaborate.specialise import elaborate_root
from revc.passes.modules import Module
from revc.passes.rules.registry import checks
from revc.passes.rules.report import Findings

Decl = ast.BlockDecl | ast.ModelDecl


@dataclass(eq=False, repr=False)
class Checked:
    """What one pass over a design has made of it, and what it has found.

    `built` are the blocks and models of the main file as they are declared, None where one cannot
    be told; `programs` the models with their budgets and stacks, before any pass; `suspect` the
    declarations that a check found something in. All by the `id` of the declaration. `refused` are
    the statements of the first model that cannot be compiled yet.
    """

    elaboration: Elaboration
    built: dict[int, Specialised | None] = field(default_factory=dict)
    programs: dict[int, Program] = field(default_factory=dict)
    refused: tuple[Diagnostic, ...] = ()
    suspect: set[int] = field(default_factory=set)

    @property
    def findings(self) -> Findings:
        """Where everything that is found goes."""
        return self.elaboration.findings

    @property
    def decls(self) -> Iterator[Decl]:
        """The blocks and models of the main file, in its order."""
        items = self.elaboration.main.file.items
        return (item for item in items if isinstance(item, ast.BlockDecl | ast.ModelDecl))

    @property
    def roots(self) -> tuple[Specialised, ...]:
        """The blocks and models of the main file that were elaborated, in its order."""
        built = [self.built[id(decl)] for decl in self.decls]
        return tuple(one for one in built if one is not None)

    def unsupported(self) -> Iterator[Diagnostic]:
        """Yield what cannot be compiled yet in any block or model of the main file, each once."""
        found = dict(self.elaboration.refused)
        for built in self.roots:
            for one in self.found("support", built, _support(built)) if built.whole else ():
                found.setdefault(one.span, one)
        yield from found.values()

    def found(
        self, rules: str, built: Specialised, found: Iterable[Diagnostic]
    ) -> Iterable[Diagnostic]:
        """Return what is found in a block, not looked for where an editor's last text had it too.

        That holds only if nothing was found then.
        """
        kept = self.elaboration.kept
        return found if kept is None else kept.found(rules, built, found)

    def proofs(self) -> Iterator[Proof]:
        """Yield the proof of every block and model of the main file."""
        done: dict[int, Proof] = {}
        for decl in self.decls:
            yield self._proof(decl, done)

    def _proof(self, decl: Decl, done: dict[int, Proof]) -> Proof:
        built, program = self.built.get(id(decl)), self.programs.get(id(decl))
        if built is None:
            return Proof(decl.name, "UNKNOWN", "it could not be checked", decl.name_span)
        if not built.complete:
            reason = "statements that were refused have no proof"
            refuted = any(doubt.verdict == "REFUTED" for doubt in built.doubts)
            known: Verdict = "REFUTED" if refuted else "UNKNOWN"
            return Proof(decl.name, known, reason, decl.name_span)
        proof = prove(built.block, built.doubts, done, self.elaboration.probe)
        proof = replace(proof, subject=decl.name)
        if self.elaboration.guessed:
            reason = "a `state` or `dim` line was refused, and what it should say is not known"
            return Proof(decl.name, "UNKNOWN", reason, decl.name_span, proof.steps)
        if program is not None:
            bounds = program.budgets
            lines = tuple(verdict(program.model, bound, bounds).line() for bound in bounds)
            proof = replace(proof, notes=lines)
        broken = not built.whole or id(decl) in self.suspect
        if broken and proof.verdict in ("PROVED", "ASSUMED", "BOUNDED"):
            reason = "statements that were refused have no proof"
            return Proof(decl.name, "UNKNOWN", reason, decl.name_span, proof.steps)
        return proof


def check(main: Module, elaboration: Elaboration, first: str | None = None) -> Checked:
    """Elaborate all of the main file, and check it.

    The order is the file's; with a model that is `first` it comes before the other models, and they
    before the blocks.
    """
    done = Checked(elaboration)
    bounds = _Bounds(budgets(elaboration), stacks(elaboration), memory_bound(elaboration))
    for decl in _ordered(done.decls, first):
        done.built[id(decl)] = built = elaborate_root(elaboration, main, decl)
        if built is not None and built.complete and isinstance(decl, ast.ModelDecl):
            _told(done, built, bounds)
        if len(done.built) == 1:
            done.refused = tuple(elaboration.refused.values())
    _file(main, elaboration)
    for decl in done.decls:
        _decl(done, decl)
    return done


def _ordered(decls: Iterable[Decl], first: str | None) -> list[Decl]:
    def place(decl: Decl) -> int:
        return 2 if isinstance(decl, ast.BlockDecl) else int(decl.name != first)

    return list(decls) if first is None else sorted(decls, key=place)


class _Bounds(NamedTuple):
    """What a file says of all its models: its budgets, its stacks, its bound on memory."""

    budgets: Sequence[Budget]
    stacks: tuple[StackDecl, ...]
    memory: MemoryBound | None


def _told(done: Checked, built: Specialised, bounds: _Bounds) -> None:
    """Keep the program of a model, unless it turns too often for its bits to be counted."""
    try:
        done.programs[id(built.decl)] = _program(done.elaboration, built, bounds)
    except DimError as error:
        done.findings.add(beyond(error, built.decl.name_span))
        done.suspect.add(id(built.decl))


def _program(elaboration: Elaboration, built: Specialised, bounds: _Bounds) -> Program:
    names = elaboration.names(elaboration.main)
    bound = {name: dim.integer for name, dim in names.items() if dim.integer is not None}
    # Without the statements that were refused, the others need not run.
    own = own_budgets(built.decl.name, built.block, bounds.budgets) if built.whole else ()
    return Program(
        model=built.block,
        dims=bound,
        free=free_dims(built.block),
        budgets=own,
        stacks=bounds.stacks,
        memory=bounds.memory,
    )


def _file(main: Module, elaboration: Elaboration) -> None:
    """Check the file as a whole, and its own nets, also those that nothing calls."""
    for rule in checks("file"):
        _add(elaboration.findings, rule(main))
    home = file_scope(elaboration, main)
    for item in main.items(ast.NetDecl):
        assert isinstance(item, ast.NetDecl)
        file_net(home, item)
    if elaboration.probe is not None:
        for rule in checks("bijections"):
            _add(elaboration.findings, rule(main, elaboration.probe))
    _add(elaboration.findings, _nets(elaboration, home.slots.freeze()[0]))


def _nets(elaboration: Elaboration, nets: Sequence[NetSlot]) -> Iterator[Diagnostic]:
    """Yield what is found in the nets of a body; in torch's, what they do besides reading, too."""
    for rule in checks("nets"):
        yield from rule(nets, elaboration.probe)
    brought = [slot for slot in nets if isinstance(slot.source, TorchClass)]
    for rule in checks("modules") if brought else ():
        yield from rule(brought, elaboration.probe)


def _decl(done: Checked, decl: Decl) -> None:
    """Check a block or model as it was elaborated."""
    built, findings = done.built[id(decl)], done.findings
    if built is None:
        return
    before = findings.denials
    _add(findings, done.found("own", built, _own(done, built)))
    if built.whole and id(decl) in done.programs:
        for rule in checks("model"):
            _add(findings, rule(done.programs[id(decl)]))
    if findings.denials > before:
        done.suspect.add(id(decl))
    elif id(decl) in done.programs:
        _memory(done, done.programs[id(decl)])


def _own(done: Checked, built: Specialised) -> Iterator[Diagnostic]:
    """Yield what is found in the nets of a block, and in its statements if all were read."""
    yield from _nets(done.elaboration, built.block.nets)
    if not built.whole:
        return
    for rule in checks("block"):
        yield from rule(built.block, done.elaboration.checked)
    coded = any(isinstance(step, Coded) for step in built.block.own())
    for rule in checks("bits") if coded else ():
        yield from rule(built.block)


def _support(built: Specialised) -> Iterator[Diagnostic]:
    """Yield the statements of a block that cannot be compiled yet."""
    for rule in checks("support"):
        yield from rule(built.block)


def _memory(done: Checked, program: Program) -> None:
    """Check a model's budget of memory, if the rest of the design compiles."""
    elaboration = done.elaboration
    if not done.findings.denied and not elaboration.refused:
        for rule in checks("memory"):
            _add(done.findings, rule(program, elaboration.least))


def _add(findings: Findings, found: Iterable[Diagnostic]) -> None:
    for one in found:
        findings.add(one)
