"""Lint files and print what is found: `revc lint` without its option parser."""

import sys
from collections.abc import Mapping, Sequence

from revc.cli.bugs import BUG, print_bug
from revc.cli.render import Format, print_findings
from revc.errors import InternalError
from revc.passes.analysis.random_nets import Probe
from revc.passes.lint import EVERYTHING, LintResult, Selection, lint
from revc.passes.rules.m508_memory_infeasible import Least


def check(
    specs: Sequence[str],
    style: Format = Format.full,
    selection: Selection = EVERYTHING,
    dims: Mapping[str, int] = {},
    proof: bool = False,
    probe: bool = False,
    allowed: Sequence[str] | None = None,
) -> int:
    """Lint files, print the findings, and return the exit code: 1 when one is at level deny.

    A file that a bug of ours keeps from being linted is told, and the code is `BUG`; the others are
    linted all the same.
    With `probe`, which imports torch and the nets of the specs, torch nets are run, with `allowed`
    only those from these modules, or from below; and budgets of memory are checked.

    Raises:
        BindError: `dims` has a dim that a file does not declare.
    """
    results: list[tuple[str, LintResult]] = []
    bugs: list[InternalError] = []
    for spec in specs:
        try:
            run, least = _probes(allowed) if probe else (None, None)
            results.append((spec, lint(spec, selection, dims, probe=run, least=least)))
        except InternalError as bug:
            bugs.append(bug)
    findings = [finding for _, result in results for finding in result.findings]
    texts = {file: text for _, result in results for file, text in result.texts.items()}
    print_findings(findings, style, texts)
    if style is Format.full:
        for spec, result in results:
            print(("\n" if result.findings else "") + _summary(spec, result))
    if proof:
        out = sys.stderr if style is Format.json else sys.stdout
        for _, result in results:
            for tree in result.proofs:
                print("\n".join(tree.lines()), file=out)
    for told in bugs:
        print_bug(told)
    return BUG if bugs else int(any(result.denied for _, result in results))


def _probes(allowed: Sequence[str] | None) -> tuple[Probe, Least]:
    from revc.audit.probe import prober  # these two import torch
    from revc.planning.least import least_of

    return prober(allowed), least_of(allowed)


def _summary(spec: str, result: LintResult) -> str:
    """Return one line: how many findings, and the verdict of each block and model."""
    levels = [finding.level for finding in result.findings]
    counts = ", ".join(f"{levels.count(x)} {x}" for x in ("deny", "warn") if x in levels)
    verdicts = ", ".join(f"{tree.subject} {tree.verdict}" for tree in result.proofs)
    return f"{spec}: {counts or 'no findings'}" + (f"; {verdicts}" if verdicts else "")
