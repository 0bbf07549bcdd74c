"""What stands between a body and its proof: statements without a structural inverse."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from revc.grammar.span import Span

Verdict = Literal["PROVED", "BOUNDED", "ASSUMED", "REFUTED", "UNKNOWN", "FORGETS"]


@dataclass(frozen=True, slots=True)
class Doubt:
    """One statement that is not proved invertible, with the verdict on it and the reason."""

    verdict: Verdict
    reason: str
    span: Span


def doubtful(block: str, doubts: Iterable[Doubt], span: Span) -> Doubt:
    """Return what a call has against it whose block has doubts: it holds as the block does."""
    verdicts = {doubt.verdict for doubt in doubts}
    if verdicts <= {"BOUNDED", "ASSUMED"}:
        weaker: Verdict = "ASSUMED" if "ASSUMED" in verdicts else "BOUNDED"
        return Doubt(weaker, f"`{block}` is {weaker}", span)
    return Doubt("UNKNOWN", f"`{block}` is not proved", span)
