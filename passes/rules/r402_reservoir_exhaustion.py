"""R402: a reservoir that cannot hold what is drawn from it."""

from collections.abc import Iterator
from functools import reduce
from math import ceil
from operator import mul

from revc.grammar.diagnostics import Diagnostic
from revc.ir.dims import Dim
from revc.ir.program import Block, Program
from revc.passes.analysis.budget_verdict import any_number
from revc.passes.analysis.costs import cost
from revc.passes.analysis.sites import MeterSite, metered
from revc.passes.rules.base import Page, Rule

RULE = Rule(
    "R402",
    "reservoir-exhaustion",
    "deny",
    Page(
        what="A `reservoir e(bits = N)` from which a run draws more than N bits an example, "
        "whatever the nets say.",
        why="Drawing from an empty reservoir would have to make bits up, and the run could not be "
        "undone. At run time it is an error; where it is certain, it is one before. Bits come in "
        "words of 16, from as many lanes as a sequence has, 32 if nothing else is said: what is "
        "counted are whole words.",
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


LANES, WORD = 32, 16
"""What a stack has if nothing else is said; `revc.runtime.bits.constants` has the same."""


def check(program: Program) -> Iterator[Diagnostic]:
    """Yield a finding for each reservoir from which a model is certain to draw more than it has."""
    for stack in program.stacks:
        drawn = _drawn(program.model, stack.name) if stack.bits is not None else 0.0
        if stack.bits is not None and drawn > stack.bits:
            held = f"`{stack.name}` has {stack.bits} of them"
            yield RULE.at(stack.span, f"a run draws at least {drawn:.4g} bits an example, {held}")


def _drawn(block: Block, stack: str) -> float:
    """Return the least that an example draws from a reservoir, less what is given back.

    A stack gives whole words, in each lane of its own: where nothing is given back, no statement
    draws less than its elements do in the words of their lanes.
    """
    sites = [site for site in metered(block) if site.step.stack == stack]
    drawing = [site for site in sites if site.step.side == "draw"]
    total = sum(_bits(site) for site in drawing)
    if any(site.undone for site in sites):
        return total
    return max([WORD * ceil(total / WORD), *map(_words, drawing)])


def _bits(site: MeterSite) -> float:
    """Return the least bits an example that a site draws, in all of its turns."""
    low, count = cost(site, "draw")[0], reduce(mul, site.shape[1:], site.turns).integer
    return any_number(low) if count is None else site.times * count * low


def _words(site: MeterSite) -> float:
    """Return the bits of the words that a site's elements draw, dealt out to lanes in turn."""
    low, turns = max(0.0, cost(site, "draw")[0]), site.turns.integer
    count = reduce(mul, site.shape[1:], Dim.of(1)).integer
    if count is None or turns is None:
        return 0.0
    each, more = divmod(count, LANES)
    lanes = (more, each + 1), (LANES - more, each)
    drawn = low * turns * site.times
    return sum(WORD * number * ceil(drawn * n / WORD) for number, n in lanes)
