"""What budgets' meters must and may cost, from the distributions alone: M502, M504, R402.

Bounds are bits an element. A logistic's scale is at least half a step, so its likeliest symbol has
probability at most 0.462 (1.11 bits), a Gaussian's 0.683 (0.55 bits). The mean length of what is
drawn by its own softmax is at most log2 K.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from revc.grammar.diagnostics import Diagnostic
from revc.ir.dims import Dim
from revc.ir.expr import Slice
from revc.ir.instructions import BlockCall, Instruction, Repeat, Scale, Valve
from revc.ir.instructions.base import Env
from revc.ir.instructions.metered import Coded, Distribution, Metered
from revc.ir.program import Block, Budget, StackDecl
from revc.ir.types import Label, Lattice, Numerics, Shape
from revc.passes.rules.m502_budget_infeasible import infeasible
from revc.passes.rules.m504_unit_mismatch import no_unit
from revc.passes.rules.r402_reservoir_exhaustion import exhausted

State = Literal["proved", "possible", "impossible"]
LEAST = {"logistic": 1.11, "logistic_mixture": 1.11, "gaussian": 0.55}
INF = math.inf


@dataclass(frozen=True)
class Site:
    """A metered statement as a run reaches it.

    `shape` is that of what it moves, `turns` how often a run reaches it, `per_step` how often a
    turn of the innermost named loop does (None outside of one).
    """

    step: Metered
    numerics: Numerics
    shape: Shape
    turns: Dim
    per_step: Dim | None


def sites(block: Block) -> Iterator[Site]:
    """Yield the metered statements of a program, in the order of a run."""
    yield from _sites(block, Dim.of(1), None)


def _sites(block: Block, turns: Dim, per_step: Dim | None) -> Iterator[Site]:
    env: Env = {register.name: register.type for register in block.takes}
    for step in block.body:
        if isinstance(step, BlockCall):
            yield from _sites(step.block, turns, per_step)
        elif isinstance(step, Repeat):
            named = step.index is not None
            inner = Dim.of(1) if named else None if per_step is None else per_step * step.count
            yield from _sites(step.body, turns * step.count, inner)
        elif isinstance(step, Metered):
            numerics, shape = _moved(step, env)
            yield Site(step, numerics, shape, turns, per_step)
        step.step(env)


def _moved(step: Instruction, env: Env) -> tuple[Numerics, Shape]:
    if isinstance(step, Coded):
        return step.type.numerics, step.type.shape
    assert isinstance(step, Valve | Scale)
    kind = env[step.target.name]
    if not step.target.index:
        return kind.numerics, kind.shape
    pairs = zip(kind.shape, step.target.index, strict=True)
    shape = tuple(
        (size if item.hi is None else item.hi) - item.lo
        for size, item in pairs
        if isinstance(item, Slice)
    )
    return kind.numerics, shape


def cost(step: Metered, numerics: Numerics, meter: str) -> tuple[float, float]:
    """Return the least and the most mean bits an element that a statement moves at a meter."""
    if isinstance(step, Scale):
        return (-math.log2(step.hi), -math.log2(step.lo)) if meter == "put" else (0.0, 0.0)
    assert isinstance(step, Coded | Valve)
    sides = ("put", "draw") if isinstance(step, Valve) else (step.side,)
    if meter == "net":
        return 0.0, INF
    if meter not in sides:
        return 0.0, 0.0
    least, most = _family(step.by, numerics, drawn=meter == "draw")
    extra = _residue(step.by, numerics)
    return least + extra, most + extra


def _family(by: Distribution, numerics: Numerics, drawn: bool) -> tuple[float, float]:
    if by.family == "uniform":
        n = by.settings["n"]
        assert isinstance(n, int)
        return math.log2(n), math.log2(n)
    if by.family == "dropout":
        p = by.settings["p"]
        assert isinstance(p, float)
        mean = -p * math.log2(p) - (1 - p) * math.log2(1 - p)
        return (mean, mean) if drawn else (0.0, INF)
    if by.family == "softmax":
        size = numerics.size.integer if isinstance(numerics, Label) else None
        return 0.0, math.log2(size) if size and drawn else INF
    return LEAST[by.family], INF


def _residue(by: Distribution, numerics: Numerics) -> float:
    step = by.settings.get("step")
    if by.residue != "write" or not isinstance(numerics, Lattice) or not step:
        return 0.0
    return math.log2(float(step) * 2.0**numerics.fraction_bits)


@dataclass(frozen=True)
class Verdict:
    """What a budget's meters cost in its units, at least and at most, and what that says."""

    budget: Budget
    least: float
    most: float

    @property
    def state(self) -> State:
        """Whether the bound always holds, never does, or depends on what is learned."""
        if self.least > self.budget.bound * (1 + 1e-9):
            return "impossible"
        return "proved" if self.most <= self.budget.bound * (1 + 1e-9) else "possible"


def verdict(block: Block, budget: Budget) -> Verdict:
    """Return the verdict of a budget on the meters of a model."""
    least = most = 0.0
    for site in targeted(block, budget):
        count = _elements(site, budget.units)
        low, high = cost(site.step, site.numerics, budget.meter)
        if count is None:  # a size is free: it may be anything
            low, high, count = 0.0, INF if high else 0.0, 1.0
        if "valve" in budget.units:
            least, most = max(least, count * low), max(most, count * high)
        else:
            least, most = least + count * low, most + count * high
    return Verdict(budget, least, most)


def targeted(block: Block, budget: Budget) -> list[Site]:
    """Return the sites that a budget bounds."""
    names = {target.rpartition(".")[2] for target in budget.targets}
    return [site for site in sites(block) if site.step.account in names]


def _elements(site: Site, units: tuple[str, ...]) -> float | None:
    """Return how many elements a site moves in a unit, None if a free size is among them."""
    once, last = Dim.of(1), site.shape[-1] if len(site.shape) > 1 else Dim.of(1)
    inner = once
    for size in site.shape[1:]:
        inner = inner * size
    turns = once if "valve" in units else site.turns
    if "element" in units:
        total = once
    elif "token" in units:
        total = last * turns
    elif "step" in units:
        total = inner * (once if "valve" in units else site.per_step or once)
    else:
        total = inner * turns
    return None if total.integer is None else float(total.integer)


def findings(
    block: Block, budgets: tuple[Budget, ...], stacks: tuple[StackDecl, ...]
) -> Iterator[Diagnostic]:
    """Yield what cannot hold: bounds below what must be spent, units that there are not."""
    for budget in budgets:
        if not _is_below(budget, block.name):
            continue
        wrong = list(_units(block, budget))
        yield from wrong
        found = verdict(block, budget)
        if not wrong and budget.meter != "net" and found.state == "impossible":
            what = f"{budget.meter}({', '.join(budget.targets)})"
            units = "".join(f"/{unit}" for unit in budget.units)
            yield infeasible(what, found.least, units, budget.span)
    for stack in stacks:
        if stack.bits is not None:
            yield from _exhausted(block, stack, stack.bits)


def _is_below(budget: Budget, model: str) -> bool:
    return all(target.rpartition(".")[0] in ("", model) for target in budget.targets)


def _units(block: Block, budget: Budget) -> Iterator[Diagnostic]:
    for site in targeted(block, budget):
        if "step" in budget.units and site.per_step is None:
            yield no_unit("step", site.step.account, budget.span)
        if "valve" in budget.units and not isinstance(site.step, Valve):
            yield no_unit("valve", site.step.account, budget.span)


def _exhausted(block: Block, stack: StackDecl, bits: int) -> Iterator[Diagnostic]:
    needed = 0.0
    for site in sites(block):
        if site.step.stack == stack.name and site.step.side == "draw":
            count = _elements(site, ())
            needed += (count or 0.0) * cost(site.step, site.numerics, "draw")[0]
    if needed > bits:
        yield exhausted(stack.name, bits, needed, stack.span)
