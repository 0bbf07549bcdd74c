"""Q305: a register that what is added to it may take out of its lattice."""

from collections.abc import Collection, Iterator
from math import inf
from typing import TYPE_CHECKING

from revc.grammar.diagnostics import Diagnostic
from revc.grammar.span import Span
from revc.ir.instructions import Add, Alloc, Instruction
from revc.ir.program import Block
from revc.passes.analysis.interval import bounds
from revc.passes.rules.base import Page, Rule

if TYPE_CHECKING:
    from revc.passes.analysis.growth import Overflow

RULE = Rule(
    "Q305",
    "range-overflow",
    "warn",
    Page(
        what="A register begins with a known value, or with 0 in an input's stead, and the bounds "
        "of what is added to it, over all turns, reach beyond the numbers that its lattice has. "
        "Of what a net adds no bounds are known, and nothing is said.",
        why="Sums wrap around, and are still undone bit for bit. But what nets then read is off by"
        " the lattice's whole range, and gradients know nothing of the jump. Take a lattice with "
        "more bits before the point, fewer turns or smaller steps.",
        bad="""
dim B
state lattice(Q4.12)
model M(a, b: [B]) {
  repeat 20 { a += sigmoid(b) }
  b += a
}
""",
        good="""
dim B
state lattice(Q8.24)
model M(a, b: [B]) {
  repeat 20 { a += sigmoid(b) }
  b += a
}
""",
        source="docs/language.md, types",
    ),
)


def check(block: Block, _checked: Collection[Span]) -> Iterator[Diagnostic]:
    """Yield a finding for each update behind which a register may have wrapped."""
    if any(map(_counts, block.instructions())):
        from revc.passes.analysis.growth import overflows  # most models add what nets give alone

        for found in overflows(block):
            yield RULE.at(found.step.span, _text(found))


def _counts(step: Instruction) -> bool:
    """Say whether a statement moves a register by what is known: without one nothing is said."""
    if not isinstance(step, Add | Alloc):
        return False
    low, high = bounds(step.value)
    return max(abs(low), abs(high)) < inf and (low, high) != (0, 0)


def _text(found: "Overflow") -> str:
    limit = 2.0 ** (found.lattice.integer_bits - 1)
    low, high = found.held.low, found.held.high
    reach = f"{high:g}" if high > limit else f"{low:g}"
    what = f"`{found.name}`" if found.held.known else f"what is added to `{found.name}`"
    wraps = f"{found.lattice} wraps at {limit:g}: still invertible, wrong scale"
    return f"{what} may reach {reach} here, and {wraps}"
