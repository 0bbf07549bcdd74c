"""C901: statements that check, and have no runtime yet."""

from collections.abc import Iterator

from revc.grammar.diagnostics import Diagnostic
from revc.grammar.span import Span
from revc.ir.instructions import Apply
from revc.ir.instructions.linear_maps import NAMED
from revc.ir.net_kinds import signature_of
from revc.ir.nets import Builtin
from revc.ir.program import Block
from revc.passes.rules.base import Page, Rule

RULE = Rule(
    "C901",
    "not-yet-supported",
    "deny",
    Page(
        what="A statement that the language has and that this version cannot compile: `residual`, "
        "`apply` by a declared bijection, and a built-in net's own dropout where R401 is allowed.",
        why="What lints clean compiles: so lint says it too, before anything is built on it. A "
        "`residual` is one to one over the reals. Rounded to a lattice it is not, however small "
        "the slope: F(x) = 0.7 - 0.9 x, in steps of the lattice, rounds to 1 at 0 and to 0 at 1, "
        "so both go to 1. Iterating to its inverse would give a state near the one there was, and "
        "not that one. A declared bijection computes in floats, and is as exact as its author "
        "made it.",
        bad="""
use std.nets: mlp
dim B, c = 8
state lattice(Q12.20)
model M(a: [B, c]) {
  net F(x: [B, c]) -> [B, c] = mlp(x, width = 4*c)
  residual a by F
}
""",
        good="""
use std.nets: mlp
dim B, c = 8
state lattice(Q12.20)
model M(a, b: [B, c]) {
  net F(x: [B, c]) -> [B, c] = mlp(x, width = 4*c)
  a += F(b)
}
""",
        source="docs/language.md, statements",
    ),
)


ROUNDS = "rounded to a lattice, it sends two states to one also where the net contracts"
"""Why a `residual` has no exact code: x + F(x) is one to one over the reals alone."""
_FLOATS = "it computes in floats, and nothing shows that its inverse gives every state back"
_UNBOOKED = "no reservoir is charged for it; put `dropout(net, p)` of std.nets around the net"


def unsupported(kind: str, why: str, span: Span) -> Diagnostic:
    """Return the finding for a statement that cannot be compiled yet."""
    return RULE.at(span, f"`{kind}` cannot be compiled yet: {why}")


def check(block: Block) -> Iterator[Diagnostic]:
    """Yield a finding for each instruction, and each net, that has no code; place by place once."""
    places = set[Span]()
    for step in block.instructions():
        unknown = isinstance(step, Apply) and step.bijection not in NAMED
        if unknown and step.span not in places:
            places.add(step.span)
            yield unsupported("apply by a declared bijection", _FLOATS, step.span)
    for slot in block.nets:
        option = _own_randomness(slot.source)
        if option is not None and slot.span not in places:
            places.add(slot.span)
            yield unsupported(f"{option} of a built-in net", _UNBOOKED, slot.span)


def _own_randomness(source: object) -> str | None:
    """Return the option by which a built-in net would draw random numbers that nobody books."""
    if not isinstance(source, Builtin):
        return None
    option = signature_of(source).random
    return option if option is not None and source.settings.get(option) else None
