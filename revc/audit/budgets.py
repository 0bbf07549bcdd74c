"""Budgets, measured: the mean a sequence beside its bound; of net, what its buckets paid."""

import math

from torch import Tensor

from revc.audit.finding import Finding
from revc.audit.subject import Subject
from revc.passes.feasible import verdict
from revc.runtime.bits.constants import UNIT
from revc.runtime.metered.plan import Budget
from revc.runtime.metered.session import Session

_ACCOUNTS = {"put": "written", "draw": "drawn", "net": "net"}
SIGMAS = 3.0


def check(subject: Subject) -> list[Finding]:
    """Return a finding a budget."""
    program = subject.graphs.program
    if not program.budgets:
        return []
    session = subject.run().session
    assert session is not None
    pairs = zip(program.budgets, subject.model.interface.plan.budgets, strict=True)
    found = []
    for declared, budget in pairs:
        told = verdict(program.model, declared)
        proved = told.state == "proved"
        found.append(_charged(session, budget) if told.bucket else _mean(session, budget, proved))
    return found


def _mean(session: Session, budget: Budget, proved: bool) -> Finding:
    """Measure the mean; that it is proved does not excuse it."""
    allowed = session.allowed[budget] / UNIT
    mean, error = spread(session.books.bits(_ACCOUNTS[budget.meter], *budget.targets))
    met = mean - SIGMAS * error <= allowed
    how = "proved from the distributions, and measured" if proved else "measured"
    detail = f"{how}: {mean:.3f} +- {error:.3f} bits a sequence of {allowed:.3f}"
    return Finding(f"budget {budget.text}", mean, "bit/sequence", f"<= {allowed:g}", met, detail)


def _charged(session: Session, budget: Budget) -> Finding:
    """Look at the buckets that enforce it: no sequence may have paid more than it was allowed."""
    allowed = session.allowed[budget] / UNIT
    spent = session.charged[budget].double() / UNIT
    most, least = float(spent.max()), float(spent.min())
    mean, error = spread(session.books.bits("net", *budget.targets))
    detail = (
        f"enforced: the sequence that pays most is charged {most:.3f} bits of {allowed:.3f}; "
        f"written less drawn is {mean:.3f} +- {error:.3f}, which also tells how the model fits"
    )
    met = least >= 0 and most <= allowed
    return Finding(f"budget {budget.text}", most, "bit/sequence", f"<= {allowed:g}", met, detail)


def spread(bits: Tensor) -> tuple[float, float]:
    """Return the mean of numbers [B] and its standard error, 0 for a single one."""
    error = float(bits.std()) / math.sqrt(len(bits)) if len(bits) > 1 else 0.0
    return float(bits.mean()), error
