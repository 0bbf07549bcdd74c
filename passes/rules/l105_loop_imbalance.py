"""L105: a turn that does not leave the registers as it found them."""

from collections.abc import Container, Mapping

from revc.grammar.diagnostics import Diagnostic
from revc.grammar.span import Span
from revc.ir.types import RegType
from revc.passes.rules.base import Page, Rule

RULE = Rule(
    "L105",
    "loop-imbalance",
    "deny",
    Page(
        what="The body of a `repeat` ends with other live registers, or other types, than it "
        "began.",
        why="The next turn starts where this one ends, and the inverse runs the turns the other "
        "way.",
        bad="""
dim B, d = 8
state lattice(Q12.20)
model M(x: [B, d]) -> (a, b: [B, d/2]) {
  repeat 1 {
    split x -> a, b
  }
}
""",
        good="""
dim B, d = 8
state lattice(Q12.20)
model M(x: [B, d]) {
  repeat 3 {
    split x -> a, b
    a += tanh(b)
    join b, a -> x
  }
}
""",
        source="Yokoyama, Glueck, A Reversible Programming Language and its Invertible "
        "Self-Interpreter (2007), loop assertions of Janus",
    ),
)


def imbalance(
    before: Mapping[str, RegType], after: Mapping[str, RegType], lost: Container[str], span: Span
) -> Diagnostic | None:
    """Return the finding if a turn ends with other registers than it began with.

    Nothing is said of registers that are `lost`: their statement was refused.
    """
    changes = [
        *(f"`{name}` is gone" for name in before if name not in after and name not in lost),
        *(f"`{name}` is new" for name in after if name not in before and name not in lost),
        *(
            f"`{name}` is {after[name]}, was {before[name]}"
            for name in before
            if name in after and after[name] != before[name]
        ),
    ]
    text = f"the body changes which states are live: {', '.join(changes)}"
    return RULE.at(span, text) if changes else None
