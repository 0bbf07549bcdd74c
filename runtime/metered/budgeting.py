"""Budgets at run time: a token bucket for each sequence, in integers.

Every occurrence of a metered statement fills the buckets of its budgets by what the bound allows
it. A valve runs throttled, or drops residues, only where every bucket covers what that is expected
to lose: ``(1 - alpha) * written`` rounded up, and the bits dropped. What a draw happens to cost
above or below its mean is no loss, and is not charged.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import torch
from torch import Tensor

from revc.errors import BindError
from revc.runtime.bits.constants import TOTAL, UNIT
from revc.runtime.bits.dist import Table
from revc.runtime.bits.dist.table import fixed_table
from revc.runtime.metered.books import Moved
from revc.runtime.metered.coding import Coding
from revc.runtime.metered.plan import Budget, Site
from revc.runtime.metered.session import Session

_RARE = 1024
"""Of 2**16: the frequency of a sequence whose budget does not let a valve run throttled."""

_FULL = 1 << 62
"""What a bucket holds at most: beyond it a bound is no bound, and int64 would wrap."""


@dataclass(frozen=True)
class Decision:
    """What the budgets allow each sequence: its throttle, float64 [B], and whether it drops."""

    alpha: Tensor
    taken: Tensor


def decides(session: Session, site: Site) -> bool:
    """Say whether a valve's runs depend on its budgets; a sample has none, and loses nothing."""
    if session.options.sampling:
        return False
    return session.throttle.get(site.meter, 1.0) < 1 or site.coding.residue == "drop"


def decide(session: Session, site: Site, moved: Moved, shape: Sequence[int]) -> Decision | None:
    """Fill and charge the buckets of a valve by which its tape has `moved`.

    Returns None where nothing depends on a budget. The decision is to go to the tape, by `record`:
    no bucket shows afterwards how it fell.
    """
    refill(session, site.meter, shape)
    if not decides(session, site):
        return None
    _check_direction(session, site.meter, forward=True)
    throttle = session.throttle.get(site.meter, 1.0)
    written = moved.change.clamp(min=0)
    charge = ((1 - throttle) * written.double()).ceil().long()
    taken = _charged(session, site.meter, charge + _dropped(site.coding, shape))
    _book_drop(session, site, taken, shape)
    return _decision(throttle, taken)


def record(session: Session, site: Site, decision: Decision) -> None:
    """Push a decision on the site's stack: a symbol a sequence, by the fixed table of decisions."""
    symbols = decision.taken.int()[:, None]
    session.stacks[site.stack].push(symbols, _table(session.device))


def recall(session: Session, site: Site) -> Decision | None:
    """Take the last decision back off the tape; None where the statement decides nothing.

    Raises:
        BindError: the program itself undoes the statement, forwards.
    """
    if not decides(session, site):
        return None
    _check_direction(session, site.meter, forward=False)
    symbols = session.stacks[site.stack].pop(_table(session.device), (session.sequences, 1))
    return _decision(session.throttle.get(site.meter, 1.0), symbols[:, 0] > 0)


def _check_direction(session: Session, meter: str, forward: bool) -> None:
    # Undone by the program itself, a decision would come off the tape and be lost.
    if session.back == forward:
        raise BindError(
            f"{meter} is undone by the program itself (uncall, undo): it can neither be throttled "
            "nor drop residues"
        )


def charge_drop(session: Session, site: Site, shape: Sequence[int]) -> None:
    """Charge a put whose residues are given up; without budget they stay on the tape."""
    if session.back:
        return
    charge = torch.full_like(session.books.written.zeros(), _dropped(site.coding, shape))
    _book_drop(session, site, _charged(session, site.meter, charge), shape)


def refill(session: Session, meter: str, shape: Sequence[int]) -> None:
    """Fill the buckets of a meter's budgets by what one occurrence on `shape` earns."""
    if session.back:
        return
    for budget in session.plan.budgets:
        if meter in budget.targets:
            amount = earned(budget, shape, session.shares[budget])
            session.allowed[budget] = min(session.allowed[budget] + amount, _FULL)


def earned(budget: Budget, shape: Sequence[int], share: int) -> int:
    """Return what an occurrence on values of `shape` [B, ..] earns a sequence, in 2**-20 bit.

    A bound that is not per valve is shared by `share` occurrences.
    """
    units = 1
    if "token" in budget.units:
        units = prod(shape[1:-1])
    elif "element" in budget.units:
        units = prod(shape[1:])
    return int(budget.bound * UNIT * units) // (1 if "valve" in budget.units else share)


def _charged(session: Session, meter: str, charge: Tensor) -> Tensor:
    """Charge all buckets of a meter where all cover it; return where, bool [B]."""
    budgets = session.covering(meter)
    taken = torch.full_like(charge, bool(budgets), dtype=torch.bool)
    for budget in budgets:
        taken &= session.bucket(budget) >= charge
    for budget in budgets:
        session.charged[budget] = session.charged[budget] + charge * taken
    return taken


def _dropped(coding: Coding, shape: Sequence[int]) -> int:
    return coding.drop * prod(shape[1:]) * UNIT if coding.residue == "drop" else 0


def _book_drop(session: Session, site: Site, taken: Tensor, shape: Sequence[int]) -> None:
    if site.coding.residue == "drop":
        session.books.erased.book(site.meter, taken * _dropped(site.coding, shape))


def _decision(throttle: float, taken: Tensor) -> Decision:
    alpha = torch.where(taken, throttle, 1.0).double()
    return Decision(alpha, taken)


def _table(device: torch.device) -> Table:
    return fixed_table((_RARE, TOTAL - _RARE), device)
