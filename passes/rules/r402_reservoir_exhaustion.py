"""R402: a reservoir that cannot hold what is drawn from it."""

from collections.abc import Iterator
from functools import reduce
from operator import mul

from revc.grammar.diagnostics import Diagnostic
from revc.ir.program import Block, Program
from revc.passes.analysis.budget_verdict import any_number
from revc.passes.analysis.costs import cost
from revc.passes.analysis.sites import metered
from revc.passes.rules.base import Page, Rule

RULE = Rule(
    "R402",
    "reservoir-exhaustion",
    "deny",
    Page(
        what="A `reservoir e(bits = N)` from which a run draws more than N bits an example, "
        "whatever the nets say.",
        why="Drawing from an empty reservoir would have to make bits up, and the run could not be "
        "undone. At run time it is an error; where it is certain, it is one before.",
        bad="""
dim B, T = 100
state lattice(Q12.20)
reservoir e(seed = 1, bits = 64)
model M(given x: float32[B, T]) -> (y: label(16)[B, T]) {
  draw y: label(16)[B, T] by uniform(16) as out on e
}
budget draw(M.out) <= 4 bits/element
""",
        good="""
dim B, T = 100
state lattice(Q12.20)
reservoir e(seed = 1, bits = 4000)
model M(given x: float32[B, T]) -> (y: label(16)[B, T]) {
  draw y: label(16)[B, T] by uniform(16) as out on e
}
budget draw(M.out) <= 4 bits/element
""",
        source="docs/metered.md, the statements",
    ),
)


def check(program: Program) -> Iterator[Diagnostic]:
    """Yield a finding for each reservoir from which a model is certain to draw more than it has."""
    for stack in program.stacks:
        drawn = _drawn(program.model, stack.name) if stack.bits is not None else 0.0
        if stack.bits is not None and drawn > stack.bits:
            held = f"`{stack.name}` has {stack.bits} of them"
            yield RULE.at(stack.span, f"a run draws at least {drawn:.4g} bits an example, {held}")


def _drawn(block: Block, stack: str) -> float:
    """Return the least that an example draws from a reservoir, less what is given back."""
    total = 0.0
    for site in metered(block):
        if site.step.stack == stack and site.step.side == "draw":
            low, count = cost(site, "draw")[0], reduce(mul, site.shape[1:], site.turns).integer
            total += any_number(low) if count is None else site.times * count * low
    return total
