"""B211: a factor that is never in its own range."""

from revc.grammar.diagnostics import Diagnostic
from revc.grammar.span import Span
from revc.passes.analysis.interval import Interval
from revc.passes.rules.base import Page, Rule

RULE = Rule(
    "B211",
    "clamped-factor",
    "deny",
    Page(
        what="The factor of a `scale` is certain to lie outside of the range that is written "
        "behind it.",
        why="A factor is clamped to its range, so the register would be scaled by the range's end, "
        "and not by what is written, however the model is trained.",
        bad="""
dim B, c = 8
state lattice(Q12.20)

model M(a: [B, c]) {
  scale a by 2 in [1/4, 1] as f
}

budget put(M.f) <= 16 bits/example
""",
        good="""
dim B, c = 8
state lattice(Q12.20)

model M(a: [B, c]) {
  scale a by 1/2 in [1/4, 1] as f
}

budget put(M.f) <= 16 bits/example
""",
        source="docs/metered.md, the statements",
    ),
)


def clamped(factor: Interval, allowed: Interval, span: Span) -> Diagnostic | None:
    """Return the finding if a factor that is known to lie in one range never lies in the other."""
    if factor[0] <= allowed[1] and allowed[0] <= factor[1]:
        return None
    end = allowed[1] if factor[0] > allowed[1] else allowed[0]
    where = f"[{allowed[0]:g}, {allowed[1]:g}]"
    return RULE.at(span, f"the factor is never in {where}: it is always clamped to {end:g}")
