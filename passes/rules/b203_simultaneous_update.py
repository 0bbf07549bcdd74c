"""B203: registers that change at once."""

from collections.abc import Sequence

from revc.grammar.diagnostics import Diagnostic
from revc.grammar.span import Span
from revc.passes.rules.base import Page, Rule

RULE = Rule(
    "B203",
    "simultaneous-update",
    "deny",
    Page(
        what="`a, b <- e1, e2`: every value is read before any register is written.",
        why="Each update alone may be invertible, both together need not be: the inverse of one "
        "reads what the other has already changed. Written one after the other, each reads a "
        'register that stays. The published "entanglement" layer x_i += tanh(-(x1 + x2)) is '
        "this: (0, 0) and (0.957504, 0.957504) both go to (0, 0).",
        bad="""
dim B, c
state lattice(Q12.20)
model M(a, b: [B, c]) {
  a, b <- a + tanh(-(a + b)), b + tanh(-(a + b))
}
""",
        good="""
dim B, c
state lattice(Q12.20)
model M(a, b: [B, c]) {
  a += tanh(-b)
  b += tanh(-a)
}
""",
        source="Dinh, Krueger, Bengio, NICE (2014), section 3.2",
    ),
)


def simultaneous(
    span: Span, names: Sequence[str], collision: str | None, note: str = ""
) -> Diagnostic:
    """Return the finding, with the collision where one was found, else a note on the search."""
    found = f"; collision found: {collision}" if collision else ""
    text = f"`{', '.join(names)} <- ..`: both updates read old values{found}; sequence them"
    return RULE.at(span, text, *filter(None, [note]), witness=collision)
