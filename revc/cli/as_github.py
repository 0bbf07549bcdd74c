"""Findings as workflow commands, which GitHub shows beside the lines that they are about.

Source: GitHub's documentation, "Workflow commands for GitHub Actions".
"""

from collections.abc import Iterable

from revc.grammar.diagnostics import Diagnostic

_COMMANDS = {"deny": "error", "warn": "warning", "allow": "notice"}


def commands(findings: Iterable[Diagnostic]) -> str:
    """Return one command a finding, a line each."""
    return "\n".join(_command(finding) for finding in findings)


def _command(finding: Diagnostic) -> str:
    at = finding.span
    place = {
        "file": at.file,
        "line": at.line,
        "col": at.column,
        "endLine": at.end_line,
        "endColumn": at.end_column,
        "title": f"{finding.code} {finding.name}",
    }
    shown = ",".join(f"{key}={_property(str(value))}" for key, value in place.items())
    said = (finding.message, *finding.notes, *(f"help: {line}" for line in finding.helps))
    return f"::{_COMMANDS[finding.level]} {shown}::{_text(chr(10).join(said))}"


def _text(text: str) -> str:
    """Escape what would end a command, or its text."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _text(text).replace(":", "%3A").replace(",", "%2C")
