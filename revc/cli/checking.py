"""Lint files and print what is found: `revc lint` without its option parser."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from revc.cli.bugs import BUG, print_bug
from revc.cli.files import expanded, source
from revc.cli.render import Format, print_findings
from revc.cli.request import Request
from revc.errors import BindError, InternalError
from revc.grammar.diagnostics import SpecError
from revc.passes.analysis.random_nets import Probe
from revc.passes.lint import LintResult, lint
from revc.passes.rules.m508_memory_infeasible import Least
from revc.passes.sources import DISK

if TYPE_CHECKING:
    from revc.passes.analysis.lipschitz import NetWeights


@dataclass
class _Run:
    """What came of the files so far: their results, and what kept some from having one."""

    results: list[tuple[str, LintResult]] = field(default_factory=list)
    unbound: list[str] = field(default_factory=list)
    bugs: list[InternalError] = field(default_factory=list)

    def code(self) -> int:
        """Return the exit code."""
        denied = any(result.denied for _, result in self.results)
        return BUG if self.bugs else int(denied or bool(self.unbound))


def check(request: Request) -> int:
    """Lint files, print the findings, and return the exit code: 1 when one is at level deny.

    A file that does not declare a dim of the request is told, and so is one that a bug of ours
    keeps from being linted, where the code is `BUG`; the others are linted all the same.
    """
    return shown(request)[0]


def shown(request: Request) -> tuple[int, set[str]]:
    """Lint files, print the findings, and return the exit code and which files were read."""
    run, weights = _Run(), _weights(request)
    for spec in expanded(request.specs, request.exclude):
        try:
            run.results.append((spec, _linted(spec, request, weights)))
        except SpecError as error:
            run.results.append((spec, LintResult(error.diagnostics)))
        except BindError as error:
            run.unbound.append(f"error: {spec}: {error}")
        except InternalError as bug:
            run.bugs.append(bug)
    _show(run, request.style, request.proof)
    return run.code(), {file for _, result in run.results for file in result.texts}


def _weights(request: Request) -> "NetWeights | None":
    if request.weights is None:
        return None
    from revc.audit.weights import read_weights  # imports torch

    return read_weights(request.weights)


def _linted(spec: str, request: Request, weights: "NetWeights | None") -> LintResult:
    nets, least = _probes(request.allowed) if request.probe else (None, None)
    chosen, dims = request.selection, request.dims
    return lint(source(spec), chosen, dims, DISK, nets, least, request.defaults, weights)


def _show(run: _Run, style: Format, proof: bool) -> None:
    """Print what came of the files; what has no place in them goes to standard error."""
    results = run.results
    findings = [finding for _, result in results for finding in result.findings]
    texts = {file: text for _, result in results for file, text in result.texts.items()}
    proofs = [tree for _, result in results for tree in result.proofs]
    print_findings(findings, style, texts, proofs, proof)
    if style is Format.full:
        for spec, result in results:
            print(("\n" if result.findings else "") + _summary(spec, result))
    if proof and style is not Format.json:
        out = sys.stderr if style in (Format.sarif, Format.github) else sys.stdout
        for tree in proofs:
            print("\n".join(tree.lines()), file=out)
    for line in run.unbound:
        print(line, file=sys.stderr)
    for told in run.bugs:
        print_bug(told)


def _probes(allowed: Sequence[str] | None) -> tuple[Probe, Least]:
    from revc.audit.probe import Prober  # these two import torch
    from revc.planning.least import least_of

    return Prober(allowed), least_of(allowed)


def _summary(spec: str, result: LintResult) -> str:
    """Return one line: how many findings, and the verdict of each block and model."""
    levels = [finding.level for finding in result.findings]
    counts = ", ".join(f"{levels.count(x)} {x}" for x in ("deny", "warn") if x in levels)
    verdicts = ", ".join(f"{tree.subject} {tree.verdict}" for tree in result.proofs)
    parts = (counts or "no findings", _mendable(result), verdicts)
    return f"{spec}: " + "; ".join(part for part in parts if part)


def _mendable(result: LintResult) -> str:
    """Say how many findings have repairs, and which option makes them."""
    fixes = [finding.fix for finding in result.findings if finding.fix is not None]
    safe = sum(fix.safe for fix in fixes)
    counts = (safe, "--fix"), (len(fixes) - safe, "--unsafe-fixes")
    return ", ".join(f"{count} to mend with {option}" for count, option in counts if count)
