"""Whether budgets can hold, from the distributions alone: M502, M504, R402.

A budget's meters are counted as a run counts them: what all of them move, by the units that the
bound allows them. Several statements under one bound share it, unless it is a bound per valve.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import mul
from typing import Literal

from revc.grammar.diagnostics import Diagnostic
from revc.ir.instructions import Valve
from revc.ir.program import Block, Budget, StackDecl
from revc.passes.costs import INF, cost, losing
from revc.passes.metering import MeterSite, metered
from revc.passes.rules.m502_budget_infeasible import infeasible
from revc.passes.rules.m504_unit_mismatch import no_unit
from revc.passes.rules.r402_reservoir_exhaustion import exhausted
from revc.passes.shares import weights

State = Literal["proved", "possible", "impossible"]

_SLACK = 1e-9


@dataclass(frozen=True)
class Verdict:
    """What a budget's meters cost in its units, at least and at most, and what that says.

    `bucket` says that a token bucket keeps them to it as they run.
    """

    budget: Budget
    least: float
    most: float
    bucket: bool = False

    @property
    def state(self) -> State:
        """Whether the bound always holds, never does, or depends on what is learned."""
        slack = _SLACK * max(1.0, self.budget.bound)
        if self.least > self.budget.bound + slack:
            return "impossible"
        return "proved" if self.most <= self.budget.bound + slack else "possible"

    @property
    def reason(self) -> str:
        """Why the verdict is what it is, as a clause."""
        if self.bucket:
            return "enforced as it runs, by a token bucket a sequence"
        if self.state == "proved":
            return f"at most {self.most:.4g}, whatever is learned"
        if self.state == "impossible":
            return f"at least about {self.least:.4g}, whatever is learned"
        most = "with no upper bound" if self.most == INF else f"up to {self.most:.4g}"
        least = f"from {self.least:.4g} " if self.least > -INF else ""
        return f"depends on what is learned: {least}{most}"

    def line(self) -> str:
        """Return the verdict as a line of text."""
        at = self.budget.span
        bound = f"{written(self.budget)} <= {self.budget.bound:g} bits{_per(self.budget)}"
        state = "kept" if self.bucket else self.state
        return f"budget {bound}: {state}, {self.reason} ({at.file}:{at.line})"


def written(budget: Budget) -> str:
    """Return what a budget bounds, as it is written."""
    return f"{budget.meter}({', '.join(budget.targets)})"


def _per(budget: Budget) -> str:
    return "".join(f"/{unit}" for unit in budget.units)


def own_budgets(model: str, block: Block, budgets: Sequence[Budget]) -> tuple[Budget, ...]:
    """Return those of a file's budgets that bound meters of `model`, with their targets there."""
    reached = {site.meter for site in metered(block)}
    found = []
    for budget in budgets:
        parts = [(target, *target.rpartition(".")[::2]) for target in budget.targets]
        own = tuple(t for t, at, name in parts if at in ("", model) and name in reached)
        if own:
            found.append(budget.model_copy(update={"targets": own}))
    return tuple(found)


def verdict(block: Block, budget: Budget, others: Sequence[Budget] = ()) -> Verdict:
    """Return the verdict of a budget on the meters of a model.

    `others` are the model's budgets: one on net lets the valves that it bounds be throttled.
    """
    found = targeted(block, budget)
    spare = {name for one in others if one.meter == "net" and one.bound > 0 for name in names(one)}
    least = most = 0.0
    for site, weight in zip(found, weights(found, budget.units), strict=True):
        low, high = cost(site, budget.meter, site.meter in spare)
        if weight is None:  # a size is free: it may be anything
            low, high, weight = _any(low), 0.0 - _any(-high), 1.0
        if weight:
            least, most = least + weight * low, most + weight * high
    bucket = budget.meter == "net" and all(losing(site.step) for site in found)
    return Verdict(budget, least, most, bucket)


def _any(low: float) -> float:
    return 0.0 if low >= 0 else -INF


def names(budget: Budget) -> frozenset[str]:
    """Return the names of the meters that a budget bounds."""
    return frozenset(target.rpartition(".")[2] for target in budget.targets)


def targeted(block: Block, budget: Budget) -> list[MeterSite]:
    """Return the sites that a budget bounds."""
    bounded = names(budget)
    return [site for site in metered(block) if site.meter in bounded]


def findings(
    block: Block, budgets: Sequence[Budget], stacks: Sequence[StackDecl]
) -> Iterator[Diagnostic]:
    """Yield what cannot hold of a model's own budgets, and of the stacks that it draws from."""
    for budget in budgets:
        wrong = list(_units(block, budget))
        yield from wrong
        found = verdict(block, budget, budgets)
        if not wrong and found.state == "impossible":
            yield infeasible(written(budget), found.least, _per(budget), budget.span)
    for stack in stacks:
        if stack.bits is not None:
            yield from _exhausted(block, stack, stack.bits)


def _units(block: Block, budget: Budget) -> Iterator[Diagnostic]:
    for site in targeted(block, budget):
        if "step" in budget.units and site.per_step is None:
            yield no_unit("step", site.meter, budget.span)
        if "valve" in budget.units and not isinstance(site.step, Valve):
            yield no_unit("valve", site.meter, budget.span)


def _exhausted(block: Block, stack: StackDecl, bits: int) -> Iterator[Diagnostic]:
    """Yield a finding if an example's draws from a reservoir, less what is given back, are more."""
    needed = 0.0
    for site in metered(block):
        if site.step.stack == stack.name and site.step.side == "draw":
            low, count = cost(site, "draw")[0], reduce(mul, site.shape[1:], site.turns).integer
            needed += _any(low) if count is None else count * low
    if needed > bits:
        yield exhausted(stack.name, bits, needed, stack.span)
