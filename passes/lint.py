"""Lint a spec: which of its findings count, with verdicts and their proofs."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from revc.grammar.diagnostics import Diagnostic, Level, SpecError
from revc.passes.analysis.proof import Proof
from revc.passes.analysis.random_nets import Probe
from revc.passes.rules.m508_memory_infeasible import Least
from revc.passes.rules.registry import MODULES, checks
from revc.passes.rules.report import by_place
from revc.passes.sources import DISK, Sources, Text
from revc.passes.spec import Spec

if TYPE_CHECKING:
    from revc.passes.analysis.lipschitz import NetWeights

SYNTAX = "S001"
LEVELS: dict[str, Level] = {"warnings": "warn", "denied": "deny"}
"""What a selector calls the findings of a level."""


@dataclass(frozen=True)
class Selection:
    """Which findings count: codes, their beginnings (``S``, ``L10``), or levels (``warnings``).

    `deny` raises findings to level deny; ``unknown`` there are blocks whose verdict is UNKNOWN.
    That a text does not parse (S001) always counts: nothing else was looked at.
    """

    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()

    def keeps(self, finding: Diagnostic) -> bool:
        """Say whether a finding counts."""
        chosen = not self.select or _meant(self.select, finding)
        return finding.code == SYNTAX or (chosen and not _meant(self.ignore, finding))

    def raised(self, finding: Diagnostic) -> Diagnostic:
        """Return the finding at the level that it has here."""
        return replace(finding, level="deny") if _meant(self.deny, finding) else finding

    def of(self, findings: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
        """Return those of some findings that count, sorted by place."""
        counted = [self.raised(finding) for finding in findings if self.keeps(finding)]
        return tuple(sorted(counted, key=by_place))

    def unknown(self) -> str | None:
        """Return a selector that means no rule and no level, None if all do."""
        for given in (self.select, self.ignore, self.deny):
            words = (*LEVELS, "unknown") if given is self.deny else LEVELS
            for one in given:
                if one not in words and not (one and any(c.startswith(one) for c in MODULES)):
                    return one
        return None


def _meant(selectors: tuple[str, ...], finding: Diagnostic) -> bool:
    """Say whether a finding is what some of the selectors mean."""
    codes = tuple(one for one in selectors if one not in LEVELS)
    return finding.code.startswith(codes) or any(
        finding.level == LEVELS[one] for one in selectors if one in LEVELS
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
    source: str | Path | Text,
    selection: Selection = EVERYTHING,
    dims: Mapping[str, int] = {},
    sources: Sources = DISK,
    probe: Probe | None = None,
    least: Least | None = None,
    defaults: Mapping[str, int] = {},
    weights: "NetWeights | None" = None,
) -> LintResult:
    """Check a spec; all that is wrong with it is in the findings, also what does not parse.

    Args:
        source: a path to a `.rev` file, or source text: see `Sources.main`.
        selection: which findings count, and at which level.
        dims: sizes that the file leaves free, or other values for those that it binds.
        defaults: the same, for those dims of these that the file has.
        sources: where the texts of the file, and of those that it uses, are read.

    `probe` runs torch nets to see whether they draw random numbers; without it they are judged by
    their text, and what that does not tell is not proved. `least` counts the least memory of a
    model's step; without it budgets of memory are not checked. `weights` bounds nets by their
    parameters; without it residuals by nets are not bounded.

    Raises:
        BindError: `dims` has a dim that the file does not declare.
    """
    try:
        spec = Spec(source, dims, sources, probe, least, defaults, weights)
    except SpecError as error:
        return LintResult(selection.of(error.diagnostics))
    findings = list(spec.findings)
    if "unknown" in selection.deny:
        for rule in checks("proof"):
            findings += [found for proof in spec.proofs for found in rule(proof)]
    return LintResult(selection.of(findings), spec.proofs, spec.texts)
