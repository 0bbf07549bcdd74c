"""What the page shows of a text: findings, verdicts, drawing and inverse, as one object of JSON."""

from collections.abc import Callable, Iterable
from pathlib import Path

from revc.errors import RevcError
from revc.grammar.diagnostics import Diagnostic, SpecError
from revc.grammar.format import format_source
from revc.grammar.source import decode
from revc.lsp.positions import units
from revc.passes.analysis.proof import Proof
from revc.passes.invert import invert
from revc.passes.sources import Text
from revc.passes.spec import Spec
from revc.picture.show import show

FILE = "playground.rev"
Answer = dict[str, object]


def answer(text: str, folder: Path | None = None) -> Answer:
    """Return all that is known of a text.

    Args:
        text: a spec, or what is to become one.
        folder: where the files that it uses are looked for; None for those that ship alone.

    The findings have offsets in the text, in units of UTF-16. `picture` and `inverse` are None
    where there is none, and `no_inverse` says why.
    """
    try:
        source = Text(decode(text.encode("utf-8", "surrogatepass"), FILE), FILE, folder)
        spec = Spec(source)
    except SpecError as error:
        return _said(text, error.diagnostics)
    found = _said(text, spec.findings)
    found["verdicts"] = [_verdict(proof) for proof in spec.proofs]
    if any(one.level == "deny" for one in spec.findings):
        return found
    found["picture"], _ = _tried(lambda: show(spec))
    found["inverse"], found["no_inverse"] = _tried(lambda: invert(source))
    return found


def formatted(text: str) -> Answer:
    """Return a text in the form of `revc fmt`, None where it does not parse."""
    result, _ = _tried(lambda: format_source(text, FILE))
    return {"text": result}


def _tried(make: Callable[[], str]) -> tuple[str | None, str | None]:
    """Return what `make` makes, or None and why not."""
    try:
        return make(), None
    except SpecError as error:
        return None, error.diagnostics[0].message
    except RevcError as error:
        return None, str(error)


def _said(text: str, findings: Iterable[Diagnostic]) -> Answer:
    starts = _starts(text)
    shown = [_finding(text, starts, one) for one in findings]
    return {
        "findings": shown, "verdicts": [], "picture": None, "inverse": None,
        "no_inverse": "no inverse while something is denied" if shown else None,
    }  # fmt: skip


def _starts(text: str) -> list[int]:
    """Return where each line starts, in units of UTF-16."""
    starts, at = [], 0
    for line in text.split("\n"):
        starts.append(at)
        at += units(line) + 1
    return starts


def _finding(text: str, starts: list[int], one: Diagnostic) -> Answer:
    lines, at = text.split("\n"), one.span
    here = at.file == FILE

    def offset(line: int, column: int) -> int:
        row = min(line, len(lines)) - 1
        return starts[row] + units(lines[row][: column - 1])

    return {
        "code": one.code, "name": one.name, "level": one.level, "message": one.message,
        "notes": list(one.notes), "help": list(one.helps), "line": at.line, "column": at.column,
        "file": None if here else at.file,
        "start": offset(at.line, at.column) if here else None,
        "end": offset(at.end_line, at.end_column) if here else None,
    }  # fmt: skip


def _verdict(proof: Proof) -> Answer:
    return {
        "subject": proof.subject, "verdict": proof.verdict, "reason": proof.reason,
        "line": proof.span.line, "notes": list(proof.notes),
        "steps": [
            {"subject": s.subject, "verdict": s.verdict, "reason": s.reason, "line": s.span.line}
            for s in proof.steps
        ],
    }  # fmt: skip
