"""Y803: an `allow` that allows nothing."""

from revc.grammar.diagnostics import Diagnostic
from revc.grammar.span import Span
from revc.passes.rules.base import Page, Rule

RULE = Rule(
    "Y803",
    "unused-allow",
    "warn",
    Page(
        what="A comment `# revc: allow(CODE)` stands where no finding of that code is made, or "
        "allows what leaves the program no meaning.",
        why="It would hide a finding made there later, for another reason than the one it gives; "
        "and what has no inverse has none for any reason.",
        bad="""
dim B, c
state lattice(Q12.20)
model M(a, b: [B, c]) {
  a += tanh(b)  # revc: allow(B201) reason = "b is not a"
}
""",
        good="""
dim B, c
state lattice(Q12.20)
model M(a, b: [B, c]) {
  a += tanh(b)
}
""",
        source="docs/lint.md, suppression",
    ),
)


def unused(code: str, span: Span) -> Diagnostic:
    """Return the finding for an `allow` of `code` that matches nothing."""
    return RULE.at(span, f"no {code} here to allow: remove the comment")


def not_waived(code: str, span: Span) -> Diagnostic:
    """Return the finding for an `allow` of a code that refuses a program whatever the reason."""
    return RULE.at(span, f"{code} cannot be allowed: what it finds leaves the program no meaning")


def unknown(code: str, span: Span) -> Diagnostic:
    """Return the finding for an `allow` of a code that there is not."""
    return RULE.at(span, f"no rule {code}: `revc explain` lists them")
