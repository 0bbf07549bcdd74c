"""Whether budgets can hold, from the distributions alone.

A budget's meters are counted as a run counts them: what all of them move, by the units that the
bound allows them. Several statements under one bound share it, unless it is a bound per valve.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from revc.ir.program import Block, Budget
from revc.passes.analysis.budget_weights import weights
from revc.passes.analysis.costs import INF, cost, losing
from revc.passes.analysis.sites import MeterSite, metered

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
        bound = f"{written(self.budget)} <= {self.budget.bound:g} bits{units_text(self.budget)}"
        state = "kept" if self.bucket else self.state
        return f"budget {bound}: {state}, {self.reason} ({at.file}:{at.line})"


def written(budget: Budget) -> str:
    """Return what a budget bounds, as it is written."""
    return f"{budget.meter}({', '.join(budget.targets)})"


def units_text(budget: Budget) -> str:
    """Return a budget's units, as ``/token/valve``."""
    return "".join(f"/{unit}" for unit in budget.units)


def own_budgets(model: str, block: Block, budgets: Sequence[Budget]) -> tuple[Budget, ...]:
    """Return those of a file's budgets that bound meters of `model`, with their targets there."""
    reached = {site.meter for site in metered(block)}
    found = []
    for budget in budgets:
        parts = [(target, *target.rpartition(".")[::2]) for target in budget.targets]
        own = tuple(t for t, at, name in parts if at in ("", model) and name in reached)
        if own:
            found.append(budget.replace(targets=own))
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
            low, high, weight = any_number(low), 0.0 - any_number(-high), 1.0
        if weight:
            least, most = least + weight * low, most + weight * high
    bucket = budget.meter == "net" and all(losing(site.step) for site in found)
    return Verdict(budget, least, most, bucket)


def any_number(low: float) -> float:
    """Return the least that any number of elements costs, of at least `low` each."""
    return 0.0 if low >= 0 else -INF


def names(budget: Budget) -> frozenset[str]:
    """Return the names of the meters that a budget bounds."""
    return frozenset(target.rpartition(".")[2] for target in budget.targets)


def targeted(block: Block, budget: Budget) -> list[MeterSite]:
    """Return the sites that a budget bounds."""
    bounded = names(budget)
    return [site for site in metered(block) if site.meter in bounded]
