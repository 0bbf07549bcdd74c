"""Findings and verdicts as JSON, for programs that read what lint says."""

import json
from collections.abc import Iterable

from revc.grammar.diagnostics import Diagnostic, Fix
from revc.grammar.span import Span
from revc.passes.analysis.proof import Proof


def report(findings: Iterable[Diagnostic], proofs: Iterable[Proof], whole: bool = False) -> str:
    """Return an object of `findings` and `verdicts`, the latter with their proofs if `whole`."""
    verdicts = [_verdict(proof, whole) for proof in proofs]
    found = {"findings": [finding_object(one) for one in findings], "verdicts": verdicts}
    return json.dumps(found, indent=2)


def finding_object(finding: Diagnostic) -> dict[str, object]:
    """Return the JSON object of a finding."""
    return {
        "code": finding.code,
        "name": finding.name,
        "level": finding.level,
        "message": finding.message,
        "notes": list(finding.notes),
        "help": list(finding.helps),
        "witness": finding.witness,
        "fix": None if finding.fix is None else _fix(finding.fix),
        **_place(finding.span),
    }


def _fix(fix: Fix) -> dict[str, object]:
    edits = [{"new": edit.new, **_place(edit.span)} for edit in fix.edits]
    return {"safe": fix.safe, "edits": edits}


def _verdict(proof: Proof, whole: bool) -> dict[str, object]:
    """Return the object of a proof; its steps are objects of the same form."""
    shown: dict[str, object] = {
        "subject": proof.subject,
        "verdict": proof.verdict,
        "reason": proof.reason,
        "notes": list(proof.notes),
        **_place(proof.span),
    }
    if whole:
        shown["steps"] = [_verdict(step, whole) for step in proof.steps]
    return shown


def _place(at: Span) -> dict[str, str | int]:
    return {
        "file": at.file,
        "line": at.line,
        "column": at.column,
        "end_line": at.end_line,
        "end_column": at.end_column,
    }
