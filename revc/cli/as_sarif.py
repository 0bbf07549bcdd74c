"""Findings as SARIF 2.1.0, the format that code hosts and editors read results of checks in.

Source: OASIS, Static Analysis Results Interchange Format (SARIF) version 2.1.0 (2020).
"""

import json
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

import revc
from revc.grammar.diagnostics import Diagnostic
from revc.grammar.span import Span
from revc.passes.rules.registry import rule

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/os/schemas/sarif-schema-2.1.0.json"
LEVELS = {"deny": "error", "warn": "warning", "allow": "note"}


def log(findings: Sequence[Diagnostic]) -> str:
    """Return a log of one run; the rules in it are those that findings are of."""
    codes = sorted({finding.code for finding in findings})
    driver = {
        "name": "revc lint",
        "semanticVersion": revc.__version__,
        "rules": [_rule(code) for code in codes],
    }
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": [_result(finding, codes.index(finding.code)) for finding in findings],
    }
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2)


def _rule(code: str) -> dict[str, object]:
    found = rule(code)
    return {
        "id": code,
        "name": found.name,
        "shortDescription": {"text": found.page.what},
        "fullDescription": {"text": found.page.why},
        "help": {"text": f"{found.page.what}\n\n{found.page.why}\n\nRepaired:\n{found.page.good}"},
        "defaultConfiguration": {"level": LEVELS[found.level]},
    }


def _result(finding: Diagnostic, index: int) -> dict[str, object]:
    said = (finding.message, *finding.notes, *(f"help: {line}" for line in finding.helps))
    result: dict[str, object] = {
        "ruleId": finding.code,
        "ruleIndex": index,
        "level": LEVELS[finding.level],
        "message": {"text": "\n".join(said)},
        "locations": [{"physicalLocation": _place(finding.span)}],
    }
    if finding.witness is not None:
        result["properties"] = {"witness": finding.witness}
    return result


def _place(at: Span) -> dict[str, object]:
    region = {
        "startLine": at.line,
        "startColumn": at.column,
        "endLine": at.end_line,
        "endColumn": at.end_column,
    }
    return {"artifactLocation": {"uri": _uri(at.file)}, "region": region}


def _uri(file: str) -> str:
    """Return a file's URI: a relative one for a relative path, as the log is read beside it."""
    path = Path(file)
    return path.as_uri() if path.is_absolute() else quote(path.as_posix())
