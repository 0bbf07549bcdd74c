"""S005: a size that does not divide."""

from fractions import Fraction
from math import ceil, floor

from revc.grammar.diagnostics import Diagnostic
from revc.grammar.span import Span
from revc.ir.dims import Dim
from revc.ir.expr import Expr, Number
from revc.passes.analysis.interval import bounds
from revc.passes.analysis.ranges import Turns, is_never_negative, lows
from revc.passes.rules.base import Page, Rule

RULE = Rule(
    "S005",
    "odd-split",
    "deny",
    Page(
        what="A size is divided by a number that does not divide it, or a value by 0.",
        why="`split` makes equal parts, `squeeze` moves whole blocks, and a dim is a whole number. "
        "Where sizes are free, those that do not divide are refused as the inputs come.",
        bad="""
dim B, d = 513
state lattice(Q12.20)
model M(x: [B, d]) {
  split x -> a, b
  swap a, b
  join a, b -> x
}
""",
        good="""
dim B, d = 512
state lattice(Q12.20)
model M(x: [B, d]) {
  split x -> a, b
  swap a, b
  join a, b -> x
}
""",
        source="docs/language.md, statements",
    ),
)


def odd_split(size: object, parts: object, span: Span) -> Diagnostic:
    """Return the finding that `size` cannot be cut into `parts`."""
    known = (size.integer if isinstance(size, Dim) else size, parts)
    return RULE.at(span, f"{size} does not divide by {parts}", about=known)


def not_whole(text: str, value: Fraction, span: Span) -> Diagnostic:
    """Return the finding for a size that is written as a number, `text`, that is not whole."""
    below, above = floor(value), ceil(value)
    help = f"the nearest are `{below}` and `{above}`"
    return RULE.at(span, f"a size is a whole number, and {text} is none", help=help)


def by_zero(below: Expr, turns: Turns, span: Span) -> Diagnostic | None:
    """Return the finding if a value is divided by 0, or by what may be 0 in a turn of a loop.

    Where it is 0 at some free sizes alone, those are refused as inputs come.
    """
    if bounds(below) == (0, 0):
        return RULE.at(span, "`/` divides by 0")
    dim = below.value if isinstance(below, Number) else None
    if not isinstance(dim, Dim) or not dim.names & turns.keys():
        return None
    for signed in (dim, -dim):
        if all(is_never_negative(low) for low in lows(signed - 1, turns)):
            return None
    return RULE.at(span, f"`/` divides by {dim}, which may be 0 in a turn")
