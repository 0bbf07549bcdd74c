"""Diagnostic 6, what a valve does: does its slot still know what it held?

What a valve leaves in its slot is looked at as the next statement finds it. With C the integer CDF
that it is drawn by, u = C(k) + v p(k), v uniform, is uniform and independent of context and past if
the valve works (the randomised probability integral transform: Rosenblatt, 1952). So what u still
shares with the old value is a leak, whatever the context is; shuffled pairs say how much chance
alone gives. Beside it stand the information of slot and context before and after, and the bits.
"""

import math

import torch
from torch import Tensor

from revc.audit.dependence import Dependence, copula_bits, dependence
from revc.audit.finding import Finding, nothing
from revc.audit.ledger import bits
from revc.audit.oracle import grid_of
from revc.audit.subject import Subject
from revc.audit.watch import Booking, Slot, Watched
from revc.runtime.bits.dist import Mixture
from revc.runtime.bits.dist.window import Window
from revc.runtime.bits.window import interval
from revc.runtime.metered.distributions import distribution
from revc.runtime.metered.plan import TAPE
from revc.runtime.metered.quantiser import split

NAME = "valve effectiveness"
SIGMAS = 3.0
LEAST = 192
"""Elements that a valve has to move for its table to say anything."""


def check(subject: Subject) -> Finding:
    """Return the strongest dependence of a slot on what it held, in standard errors."""
    model = subject.model
    meters = [m for m in model.interface.plan.valves if model.throttle.of(m) == 1]
    if not meters:
        return nothing(NAME, "no valve runs unthrottled")
    watched = subject.run()
    found = {m: _measure(watched, m) for m in meters}
    rows = {m: row for m, row in found.items() if row is not None}
    if not rows:
        return nothing(NAME, f"no valve of numbers moves {LEAST} elements: use a larger batch")
    bound = allowed(len(rows))
    worst = max(row[0].sigmas for row in rows.values())
    texts = [_text(watched, m, *row) for m, row in rows.items()]
    texts += [f"{m}: fewer than {LEAST} elements" for m in meters if m not in rows]
    series = {
        "context, before": [row[1] for row in rows.values()],
        "context, after": [row[2] for row in rows.values()],
        "what it held": [row[0].bits for row in rows.values()],
        "3 sigma of chance": [3 * row[0].spread for row in rows.values()],
    }
    return Finding(NAME, worst, "sigma", f"<= {bound:.2f}", worst <= bound, "; ".join(texts),
                   series, tuple(rows))  # fmt: skip


def allowed(tests: int) -> float:
    """Return the sigmas that all of some valves stay below as often as one stays below `SIGMAS`.

    Each valve is tested twice, by its table and by its correlation.
    """
    one = torch.special.ndtr(torch.tensor(-SIGMAS, dtype=torch.float64))
    return float(-torch.special.ndtri(one / (2 * tests)))


def _measure(watched: Watched, meter: str) -> tuple[Dependence, float, float] | None:
    """Return what a slot shares with its past; with its context before; and after."""
    found = [_sides(slot) for slot in watched.slots if slot.site.meter == meter]
    parts = [part for part in found if part is not None]
    if sum(part[0].numel() for part in parts) < LEAST:
        return None
    old, fresh, new, loc = (torch.cat([part[i].flatten() for part in parts]) for i in range(4))
    return dependence(old - loc, fresh), copula_bits(old, loc), copula_bits(new, loc)


def _sides(slot: Slot) -> tuple[Tensor, Tensor, Tensor, Tensor] | None:
    """Return old value, u of the fresh one, fresh value, location; values in scales."""
    coding = slot.site.coding
    by = distribution(coding, slot.params, slot.before.shape, slot.before.device, bounded=True)
    if not isinstance(by, Window | Mixture):
        return None
    loc, scale = _frame(by)
    old, new = (split(raw, coding).index for raw in (slot.before, slot.after))
    values = (index.double() * by.step / scale for index in (old, new))
    return next(values), transformed(by, new), next(values), loc / scale


def transformed(by: Window | Mixture, index: Tensor) -> Tensor:
    """Return u = C(k) + v p(k) in (0, 1) of indices, v uniform by a fixed seed; float64."""
    at = interval(by.family, index, *grid_of(by), by.bounded)
    low, high = at.lower, at.upper
    random = torch.Generator().manual_seed(0)
    noise = torch.rand(index.shape, generator=random, dtype=torch.float64).to(index.device)
    place = (low[0] + high[0] * low[1] + noise) / (low[1] * high[1])
    return (at.start + at.freq * place) / 65536


def _frame(by: Window | Mixture) -> tuple[Tensor, Tensor]:
    loc, scale = by.loc.detach().double(), by.scale.detach().double()
    if isinstance(by, Window):
        return loc, scale
    weight = torch.softmax(by.logits.detach().double(), -1)
    return (weight * loc).sum(-1), (weight * scale).sum(-1)


def _text(watched: Watched, meter: str, leak: Dependence, before: float, after: float) -> str:
    booked = [one for one in watched.booked(undone=False) if one.meter == meter]
    written, count = _written(watched, booked), _count(watched, meter)
    return (
        f"{meter}: {count} elements, {written / count:.2f} bits written for each; with its context "
        f"{before:.3f} bit before and {after:.3f} after, with what it held {leak.bits:.4f} +- "
        f"{leak.spread:.4f} ({leak.sigmas:.1f} sigma)"
    )


def _written(watched: Watched, booked: list[Booking]) -> float:
    assert watched.session is not None
    kinds = watched.session.kinds
    return math.fsum(bits(one.change) for one in booked if kinds[one.stack] == TAPE)


def _count(watched: Watched, meter: str) -> int:
    return sum(slot.before.numel() for slot in watched.slots if slot.site.meter == meter)
