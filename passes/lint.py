"""Lint a spec: every rule, every block and model, with verdicts and their proofs."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from revc.grammar import ast
from revc.grammar.diagnostics import Diagnostic, SpecError
from revc.passes.allow import apply_allows
from revc.passes.charged import float_states, random_nets
from revc.passes.depth import deep
from revc.passes.elaborate.blocks import Blocks
from revc.passes.elaborate.budgets import budgets, stacks
from revc.passes.feasible import findings as infeasible
from revc.passes.feasible import own_budgets, verdict
from revc.passes.meters import budget_errors, without_budget
from revc.passes.modules import Module
from revc.passes.opening import open_spec
from revc.passes.proof import Proof, prove
from revc.passes.report import Findings
from revc.passes.rules.b200_unknown_verdict import unknown_verdict


@dataclass(frozen=True)
class Selection:
    """Which findings count: codes or their beginnings (``S``, ``L10``, ``B203``).

    `deny` raises findings to level deny: codes, ``warnings`` for all, ``unknown`` for blocks whose
    verdict is UNKNOWN.
    """

    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()

    def keeps(self, finding: Diagnostic) -> bool:
        """Say whether a finding counts."""
        chosen = not self.select or finding.code.startswith(self.select)
        return chosen and not (self.ignore and finding.code.startswith(self.ignore))

    def raised(self, finding: Diagnostic) -> Diagnostic:
        """Return the finding at the level that it has here."""
        denied = "warnings" in self.deny or finding.code in self.deny
        if not denied or finding.level == "deny":
            return finding
        return Diagnostic(
            finding.code, finding.name, "deny", finding.message, finding.span, finding.notes
        )


EVERYTHING = Selection()


@dataclass(frozen=True)
class LintResult:
    """The findings of a run, the proof of every block and model, and the texts of the files."""

    findings: tuple[Diagnostic, ...]
    proofs: tuple[Proof, ...] = ()
    texts: Mapping[str, str] = field(default_factory=dict)

    @property
    def denied(self) -> bool:
        """Whether a finding is at level deny."""
        return any(finding.level == "deny" for finding in self.findings)


def lint(
    source: str | Path, selection: Selection = EVERYTHING, dims: Mapping[str, int] = {}
) -> LintResult:
    """Check a spec, a path or source text; all that is wrong with it is in the findings.

    Raises:
        BindError: `dims` has a dim that the file does not declare.
    """
    findings = Findings()
    try:
        blocks, loader = open_spec(source, findings, dims)
    except SpecError as error:
        return LintResult(tuple(d for d in error.diagnostics if selection.keeps(d)))
    proofs: tuple[Proof, ...] = ()
    if not any(module.broken for module in loader.modules):
        with deep():
            proofs = tuple(_check(blocks, "unknown" in selection.deny))
    kept, about = apply_allows(findings.all, loader.modules)
    counted = [selection.raised(d) for d in [*kept, *about] if selection.keeps(d)]
    texts = {module.file.span.file: module.text for module in loader.modules}
    return LintResult(tuple(sorted(counted, key=_place)), proofs, texts)


def _place(finding: Diagnostic) -> tuple[str, int, int, str]:
    at = finding.span
    return at.file, at.line, at.column, finding.code


def _check(blocks: Blocks, deny_unknown: bool) -> Iterator[Proof]:
    """Elaborate each block and model of the main file, and run the rules on what comes of it."""
    main, findings = blocks.main, blocks.findings
    _nets(blocks, main)
    done: dict[int, Proof] = {}
    for item in main.file.items:
        if isinstance(item, ast.BlockDecl | ast.ModelDecl):
            proof = _decl(blocks, item, done)
            if deny_unknown and proof.verdict == "UNKNOWN":
                findings.add(unknown_verdict(item.name, proof.reason, item.name_span))
            yield proof
    others = (*float_states(main), *budget_errors(main), *without_budget(main))
    for finding in others:
        findings.add(finding)


def _nets(blocks: Blocks, main: Module) -> None:
    """Check the file's own nets, also those that nothing calls."""
    home = blocks.file_scope(main)
    for item in main.file.items:
        if isinstance(item, ast.NetDecl):
            blocks.file_net(home, item)
    _all(blocks, random_nets(home.slots.freeze()[0]))


def _decl(blocks: Blocks, item: ast.BlockDecl | ast.ModelDecl, done: dict[int, Proof]) -> Proof:
    findings = blocks.findings
    before = findings.count
    built = blocks.alone(blocks.main, item)
    if built is None:
        return Proof(item.name, "UNKNOWN", "it could not be checked", item.name_span)
    _all(blocks, random_nets(built.block.nets))
    proof = prove(built.block, built.doubts, done)
    if isinstance(item, ast.ModelDecl):
        bounds = own_budgets(item.name, built.block, budgets(blocks))
        _all(blocks, infeasible(built.block, bounds, stacks(blocks)))
        lines = tuple(verdict(built.block, bound, bounds).line() for bound in bounds)
        proof = replace(proof, notes=lines)
    if findings.count > before and proof.verdict in ("PROVED", "ASSUMED", "BOUNDED"):
        reason = "statements that were refused have no proof"
        return Proof(item.name, "UNKNOWN", reason, item.name_span, proof.steps)
    return proof


def _all(blocks: Blocks, found: Iterable[Diagnostic]) -> None:
    for finding in found:
        blocks.findings.add(finding)
