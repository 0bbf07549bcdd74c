"""Findings as text: `full` with the source's line and a caret, `concise`, and `json`."""

import sys
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum

from revc.grammar.diagnostics import Diagnostic, SpecError, concise
from revc.grammar.source import read

_COLOURS = {"deny": "\x1b[1;31m", "warn": "\x1b[1;33m", "allow": "\x1b[1;34m"}
_DIM, _RESET = "\x1b[2m", "\x1b[0m"
_TAB = 4


class Format(StrEnum):
    """How findings are printed."""

    full = "full"
    concise = "concise"
    json = "json"


def render(
    findings: Sequence[Diagnostic], style: Format, texts: Mapping[str, str], colour: bool = False
) -> str:
    """Return findings as text; `texts` holds the files' sources for the excerpts of `full`."""
    if style is Format.json:
        import json  # slow to import, and needed here alone

        return json.dumps([as_object(finding) for finding in findings], indent=2)
    if style is Format.concise:
        return "\n".join(concise(finding) for finding in findings)
    return "\n\n".join(_full(finding, texts, colour) for finding in findings)


def as_object(finding: Diagnostic) -> dict[str, str | int]:
    """Return the JSON object of a finding."""
    at = finding.span
    return {
        "code": finding.code,
        "name": finding.name,
        "level": finding.level,
        "message": finding.message,
        "file": at.file,
        "line": at.line,
        "column": at.column,
        "end_line": at.end_line,
        "end_column": at.end_column,
    }


def _full(finding: Diagnostic, texts: Mapping[str, str], colour: bool) -> str:
    at = finding.span
    paint = _COLOURS[finding.level] if colour else ""
    reset, dim = (_RESET, _DIM) if colour else ("", "")
    lines = [
        f"{paint}{finding.level}[{finding.code}]{reset} {finding.name}: {finding.message}",
        f"  {dim}-->{reset} {at.file}:{at.line}:{at.column}",
        *_excerpt(finding, texts.get(at.file, ""), paint, reset),
        *(f"   = {note}" for note in finding.notes),
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
) -> None:
    """Print findings to standard output, in colour when it is a terminal."""
    known = texts if texts is not None else {}
    shown = render(list(findings), style, known, sys.stdout.isatty())
    if shown:
        print(shown)
