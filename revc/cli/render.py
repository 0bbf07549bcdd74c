"""Findings as text: `full` with the source's line and a caret, `concise`, and for programs."""

import sys
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum

from revc.cli.streams import in_colour
from revc.grammar.diagnostics import Diagnostic, SpecError
from revc.grammar.source import read
from revc.passes.analysis.proof import Proof

_COLOURS = {"deny": "\x1b[1;31m", "warn": "\x1b[1;33m", "allow": "\x1b[1;34m"}
_DIM, _BOLD, _RESET = "\x1b[2m", "\x1b[1m", "\x1b[0m"
_TAB = 4


class Format(StrEnum):
    """How findings are printed."""

    full = "full"
    concise = "concise"
    json = "json"
    sarif = "sarif"
    github = "github"


def render(
    findings: Sequence[Diagnostic],
    style: Format,
    texts: Mapping[str, str],
    colour: bool = False,
    proofs: Sequence[Proof] = (),
    whole: bool = False,
) -> str:
    """Return findings as text.

    Args:
        findings: what is shown.
        style: how.
        texts: the files' sources, for the excerpts of `full`.
        colour: whether `full` is in colour.
        proofs: the verdicts that `json` has beside findings, with their steps if `whole`.
    """
    if style is Format.json:
        from revc.cli.as_json import report  # slow to import, and needed here alone

        return report(findings, proofs, whole)
    if style is Format.sarif:
        from revc.cli.as_sarif import log

        return log(findings)
    if style is Format.github:
        from revc.cli.as_github import commands

        return commands(findings)
    if style is Format.concise:
        return "\n".join(_concise(finding) for finding in findings)
    return "\n\n".join(_full(finding, texts, colour) for finding in findings)


def _concise(finding: Diagnostic) -> str:
    at = finding.span
    message = "; help: ".join((finding.message, *finding.helps))
    return f"{at.file}:{at.line}:{at.column}: {finding.level}[{finding.code}] {message}"


def _full(finding: Diagnostic, texts: Mapping[str, str], colour: bool) -> str:
    at = finding.span
    paint = _COLOURS[finding.level] if colour else ""
    reset, dim, bold = (_RESET, _DIM, _BOLD) if colour else ("", "", "")
    lines = [
        f"{paint}{finding.level}[{finding.code}]{reset} {finding.name}: {finding.message}",
        f"  {dim}-->{reset} {at.file}:{at.line}:{at.column}",
        *_excerpt(finding, texts.get(at.file, ""), paint, reset),
        *(f"   = {note}" for note in finding.notes),
        *(f"   = {bold}help{reset}: {line}" for line in finding.helps),
    ]
    return "\n".join(lines)


def _excerpt(finding: Diagnostic, text: str, paint: str, reset: str) -> list[str]:
    """Return the first line that a finding is about, with carets below what it means."""
    at = finding.span
    source = text.split("\n")
    if not 1 <= at.line <= len(source) or not text:
        return []
    line = source[at.line - 1].rstrip("\r")
    end = at.end_column if at.end_line == at.line else len(line) + 1
    before = line[: at.column - 1].expandtabs(_TAB)
    marked = line[at.column - 1 : end - 1].expandtabs(_TAB)
    number = str(at.line)
    gap = " " * len(number)
    carets = "^" * max(1, len(marked))
    return [
        f" {gap} |",
        f" {number} | {line.expandtabs(_TAB)}",
        f" {gap} | {' ' * len(before)}{paint}{carets}{reset}",
    ]


def texts_of(findings: Iterable[Diagnostic]) -> dict[str, str]:
    """Return the sources of the files that findings are about, of those that can be read."""
    texts: dict[str, str] = {}
    for file in {finding.span.file for finding in findings}:
        try:
            texts[file] = read(file)
        except SpecError:
            continue
    return texts


def print_findings(
    findings: Iterable[Diagnostic],
    style: Format = Format.full,
    texts: Mapping[str, str] | None = None,
    proofs: Sequence[Proof] = (),
    whole: bool = False,
) -> None:
    """Print findings to standard output, in colour where it shows any; see `render`."""
    known = texts if texts is not None else {}
    shown = render(list(findings), style, known, in_colour(sys.stdout), proofs, whole)
    if shown:
        print(shown)
