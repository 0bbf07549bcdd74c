"""Diagnostic 6, what a valve does: does its slot still know what it held?

With z = (value - location) / scale, the context's share taken out, the dependence of the fresh z on
the old one is measured by the correlation r of their normal scores. -1/2 log2(1 - r^2) is the
mutual information of a Gaussian copula (Ma, Sun, "Mutual information is copula entropy", 2011), a
lower bound for others. Independent scores have r of about 1/sqrt(n): more than `SIGMAS` of those is
a leak. Beside it stand the information of slot and context before and after, and the booked bits.
"""

import math

import torch
from torch import Tensor

from revc.audit.finding import Finding, nothing
from revc.audit.subject import Exchange, Subject
from revc.runtime.bits.dist import Mixture
from revc.runtime.bits.dist.window import Window

NAME = "valve effectiveness"
SIGMAS = 5.0
_LEAST = 64


def check(subject: Subject) -> Finding:
    """Return the strongest dependence of a slot on what it held, in standard errors."""
    model = subject.model
    meters = [m for m in model.interface.plan.valves if model.throttle.of(m) == 1]
    if not meters:
        return nothing(NAME, "no valve runs unthrottled")
    watched = subject.run(record=True)
    rows, worst = [], 0.0
    series: dict[str, list[float]] = {"before": [], "after": [], "leak": []}
    for meter in meters:
        pairs = _pairs([e for e in watched.log if e.meter == meter])
        if sum(old.numel() for old, _, _ in pairs) < _LEAST:
            continue
        old, new, loc = (torch.cat([p[i].flatten() for p in pairs]) for i in range(3))
        n = old.numel()
        leak = _correlation(old - loc, new - loc)
        worst = max(worst, abs(leak) * math.sqrt(n))
        before, after = _information(_correlation(old, loc)), _information(_correlation(new, loc))
        bits = float(model.ledger.bits("written", meter).sum()) / n
        rows.append(
            f"{meter}: with its context {before:.3f} bit before and {after:.3f} after, with what "
            f"it held {_information(leak):.4f}; {bits:.2f} bits an element written"
        )
        for name, value in (("before", before), ("after", after), ("leak", _information(leak))):
            series[name].append(value)
    if not rows:
        return nothing(NAME, f"no valve moves {_LEAST} elements: use a larger batch")
    met = worst <= SIGMAS
    return Finding(NAME, worst, "sigma", f"<= {SIGMAS:g}", met, "; ".join(rows), series)


def _pairs(log: list[Exchange]) -> list[tuple[Tensor, Tensor, Tensor]]:
    """Return (old z, new z, location) in scales, for each run of the valve."""
    found: list[tuple[Tensor, Tensor, Tensor]] = []
    old: Exchange | None = None
    for entry in log:
        if not isinstance(entry.distribution, Window | Mixture):
            continue
        if entry.pushed:
            old = entry
        elif old is not None and old.symbols.shape == entry.symbols.shape:
            loc, scale, step = _frame(old)
            pair = (entry.symbols.double() * step / scale, loc / scale)
            found.append((old.symbols.double() * step / scale, *pair))
            old = None
    return found


def _frame(entry: Exchange) -> tuple[Tensor, Tensor, float]:
    by = entry.distribution
    if isinstance(by, Mixture):
        weight = torch.softmax(by.logits.detach().double(), -1)
        return (weight * by.loc.double()).sum(-1), (weight * by.scale.double()).sum(-1), by.step
    assert isinstance(by, Window)
    return by.loc.detach().double(), by.scale.detach().double(), by.step


def _correlation(one: Tensor, other: Tensor) -> float:
    """Return the correlation of normal scores; ties are broken at random, by a fixed seed."""
    x, y = _scores(one, 1), _scores(other, 2)
    return float((x * y).mean() / (x.square().mean() * y.square().mean()).sqrt())


def _scores(values: Tensor, seed: int) -> Tensor:
    shuffle = torch.randperm(values.numel(), generator=torch.Generator().manual_seed(seed))
    rank = torch.empty(values.numel(), dtype=torch.float64)
    order = values[shuffle].argsort(stable=True)
    rank[shuffle[order]] = torch.arange(values.numel(), dtype=torch.float64)
    return torch.special.ndtri((rank + 0.5) / values.numel())


def _information(r: float) -> float:
    return -0.5 * math.log2(max(1e-12, 1 - r * r))
