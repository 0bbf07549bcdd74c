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
        why="What lints clean compiles: so lint says it too, before anything is built on it.",
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


def unsupported(kind: str, span: Span) -> Diagnostic:
    """Return the finding for a statement that cannot be compiled yet."""
    text = f"`{kind}` cannot be compiled yet: lint and invert know it, its runtime is to come"
    return RULE.at(span, text)


def check(block: Block) -> Iterator[Diagnostic]:
    """Yield a finding for each instruction, and each net, that has no code; place by place once."""
    places = set[Span]()
    for step in block.instructions():
        unknown = isinstance(step, Apply) and step.bijection not in NAMED
        if unknown and step.span not in places:
            places.add(step.span)
            yield unsupported("apply by a declared bijection", step.span)
    for slot in block.nets:
        option = _own_randomness(slot.source)
        if option is not None and slot.span not in places:
            places.add(slot.span)
            text = f"`{option}` of a built-in net; `dropout(net, p)` of std.nets around it"
            yield unsupported(text, slot.span)


def _own_randomness(source: object) -> str | None:
    """Return the option by which a built-in net would draw random numbers that nobody books."""
    if not isinstance(source, Builtin):
        return None
    option = signature_of(source).random
    return option if option is not None and source.settings.get(option) else None
