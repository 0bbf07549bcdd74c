"""R405: what one distribution wrote, read back by another."""

from collections.abc import Iterator

from revc.grammar.diagnostics import Diagnostic
from revc.ir.instructions import Instruction
from revc.ir.instructions.metered import Coded
from revc.ir.keys import key
from revc.ir.program import Block
from revc.passes.analysis.stacks import touched
from revc.passes.rules.base import Page, Rule

RULE = Rule(
    "R405",
    "correlated-reuse",
    "warn",
    Page(
        what="What a `put` wrote on a tape, or an `undo draw` gave back to a reservoir, is read "
        "next by another distribution or for another type.",
        why="Decoding by the distribution that wrote gives back the value. Decoding by another "
        "gives some value, made of the first one's bits: the two are correlated, where a `draw` "
        "looks like fresh randomness. That a tape is no source of random numbers is B210; this is "
        "the way around it.",
        bad="""
dim B, c = 8
state lattice(Q12.20)
model M(y: label(16)[B, c], z: label(16)[B, c]) -> (z: label(16)[B, c], w: label(4)[B, c]) {
  z += y
  put y by uniform(16) as out
  undo put w: label(4)[B, c] by uniform(4) as back
}
budget put(out, back) <= 100 bits/example
""",
        good="""
dim B, c = 8
state lattice(Q12.20)
reservoir e(seed = 1)
model M(y: label(16)[B, c], z: label(16)[B, c]) -> (z: label(16)[B, c], w: label(4)[B, c]) {
  z += y
  put y by uniform(16) as out
  draw w: label(4)[B, c] by uniform(4) as new on e
}
budget put(out) <= 100 bits/example
budget draw(new) <= 100 bits/example
""",
        source="Townsend, Bird, Barber, BB-ANS (2019), section 2.4, on bits that are not clean",
    ),
)


def check(block: Block) -> Iterator[Diagnostic]:
    """Yield a finding for each statement of a block, or a loop of it, that reads another's bits."""
    loops = (one for step in block.own() if not step.called() for one in step.inner())
    for body in (block, *loops):
        pushed: dict[str, list[Coded]] = {}
        for step in body.body:
            yield from _step(step, pushed)


def _step(step: Instruction, pushed: dict[str, list[Coded]]) -> Iterator[Diagnostic]:
    """Follow the stacks over a statement; `pushed` has what this body put on each."""
    stacks = touched(step)
    if not isinstance(step, Coded):
        for name in stacks:
            pushed.pop(name, None)  # what else works on a stack is not followed
        return
    (name,) = stacks
    if not step.takes:
        pushed.setdefault(name, []).append(step)
    elif pushed.get(name):
        wrote = pushed[name].pop()
        if (key(wrote.type), key(wrote.by)) != (key(step.type), key(step.by)):
            text = f"the bits of `{step.target}` are those that line {wrote.span.line} wrote"
            help = "read back by the distribution that wrote them, or `draw` from a reservoir"
            yield RULE.at(step.span, f"{text} by another distribution: not random", help=help)
