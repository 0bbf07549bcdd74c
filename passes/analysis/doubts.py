"""What stands between a body and its proof: statements without a structural inverse."""

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
