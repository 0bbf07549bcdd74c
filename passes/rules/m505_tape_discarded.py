"""M505: a tape that nothing can read back."""

from collections.abc import Iterator

from revc.grammar.diagnostics import Diagnostic
from revc.ir.instructions import Forget, Put
from revc.ir.program import Block
from revc.passes.rules.base import Page, Rule

RULE = Rule(
    "M505",
    "tape-discarded",
    "warn",
    Page(
        what="A `put` in a model that also has a `forget`.",
        why="What `put` writes is read back by the inverse, and a model that forgets has none: "
        "`inverse`, `compress` and `decompress` refuse it. A backward pass takes the bits back; "
        "after a run without one they count as erased, as what was forgotten does. Either forget "
        "the value, or put the other one on the tape too.",
        bad="""
use std.nets: linear
dim B, c = 8
state lattice(Q12.20)
model M(x, z: [B, c]) -> (y: [B, c]) {
  alloc y: [B, c] = linear(x)
  forget x  # revc: allow(L110) reason = "a head"
  put z by logistic(linear(y), step = 1/16) as code
}
budget put(code) <= 500 bits/example
""",
        good="""
use std.nets: linear
dim B, c = 8
state lattice(Q12.20)
model M(x, z: [B, c]) -> (y: [B, c]) {
  alloc y: [B, c] = linear(x)
  put z by logistic(linear(y), step = 1/16) as code
  put x by logistic(linear(y), step = 1/16) as rest
}
budget put(code, rest) <= 1000 bits/example
""",
        source="Bennett, Logical Reversibility of Computation (1973): a tape is read to be erased",
    ),
)


def check(block: Block) -> Iterator[Diagnostic]:
    """Yield a finding for each `put` of a block that forgets, or whose loops do."""
    own = list(block.own())
    forgotten = next((step for step in own if isinstance(step, Forget)), None)
    for step in own if forgotten is not None else ():
        if isinstance(step, Put) and not step.undo:
            assert forgotten is not None
            at = forgotten.span.line
            text = f"nothing reads `{step.account}` back: line {at} forgets, so there is no inverse"
            yield RULE.at(step.span, text, help=f"put `{forgotten.name}` on the tape as well")
