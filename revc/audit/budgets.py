"""Budgets, measured: the mean a sequence beside its bound; of net, what its buckets paid.

What a budget allows is worked out from the spec and the sizes, and what was paid from the bookings
and the decisions on the tape: a run's own counts of them are what is audited.
"""

import math

import torch
from torch import Tensor

from revc.audit.finding import Finding
from revc.audit.subject import Subject
from revc.audit.watch import Watched
from revc.codegen.metering import polynomial
from revc.ir.dims import Dim
from revc.ir.program import Budget as Declared
from revc.passes.analysis.budget_verdict import targeted, verdict
from revc.passes.analysis.budget_weights import unit
from revc.passes.analysis.sites import ONE
from revc.runtime.bits.constants import UNIT
from revc.runtime.bits.dist import Table
from revc.runtime.metered.plan import TAPE, Budget
from revc.runtime.sizes import evaluate

_ACCOUNTS = {"put": "written", "draw": "drawn", "net": "net"}
SIGMAS = 3.0


def check(subject: Subject) -> list[Finding]:
    """Return a finding a budget."""
    program = subject.graphs.program
    if not program.budgets:
        return []
    watched = subject.run()
    pairs = zip(program.budgets, subject.model.interface.plan.budgets, strict=True)
    found = []
    for declared, budget in pairs:
        told = verdict(program.model, declared)
        bits = allowed(subject, declared)
        if told.bucket:
            found.append(_charged(watched, budget, bits))
        else:
            found.append(_mean(watched, budget, bits, told.state == "proved"))
    return found


def allowed(subject: Subject, budget: Declared) -> float:
    """Return what a budget allows a sequence of a run, in bits.

    A bound of b a unit is b times the units of what its statements move, n times for one that a run
    reaches n times, shared among all of these unless it is a bound per valve.
    """
    sites, sizes = targeted(subject.graphs.program.model, budget), subject.sizes()
    turns = [_number(site.turns, sizes) for site in sites]
    share = 1.0
    if "valve" not in budget.units:
        each = ((s.per_step or ONE) if "step" in budget.units else s.turns for s in sites)
        share = sum(_number(dim, sizes) for dim in each)
    units = (_number(unit(site.shape, budget.units), sizes) for site in sites)
    return budget.bound * sum(n * u for n, u in zip(turns, units, strict=True)) / max(1.0, share)


def _number(dim: Dim, sizes: dict[str, int]) -> float:
    return float(evaluate(polynomial(dim), sizes) or 0.0)


def _mean(watched: Watched, budget: Budget, bits: float, proved: bool) -> Finding:
    """Measure the mean; that it is proved does not excuse it."""
    assert watched.session is not None
    books = watched.session.books
    mean, error = spread(books.bits(_ACCOUNTS[budget.meter], *budget.targets))
    met = mean - SIGMAS * error <= bits
    how = "proved from the distributions, and measured" if proved else "measured"
    detail = f"{how}: {mean:.3f} +- {error:.3f} bits a sequence of {bits:.3f}"
    return Finding(f"budget {budget.text}", mean, "bit/sequence", f"<= {bits:g}", met, detail)


def _charged(watched: Watched, budget: Budget, bits: float) -> Finding:
    """Look at what was paid: no sequence may have paid more than it was allowed."""
    assert watched.session is not None
    spent = paid(watched, budget).double() / UNIT
    booked = watched.session.charged[budget].double() / UNIT
    most, agree = float(spent.max()), bool(torch.equal(spent, booked))
    mean, error = spread(watched.session.books.bits("net", *budget.targets))
    detail = (
        f"enforced: the sequence that pays most is charged {most:.3f} bits of {bits:.3f}; "
        f"written less drawn is {mean:.3f} +- {error:.3f}, which also tells how the model fits"
    )
    if not agree:
        detail = f"its bucket was charged {float(booked.max()):.3f} bits; {detail}"
    met = agree and most <= bits
    return Finding(f"budget {budget.text}", most, "bit/sequence", f"<= {bits:g}", met, detail)


def paid(watched: Watched, budget: Budget) -> Tensor:
    """Return what each sequence paid, int64 [B] in 2**-20 bit: (1 - alpha) l, and what it dropped.

    Where a valve asked, its second booking on the tape ends with the decision.
    """
    session = watched.session
    assert session is not None
    total = session.books.erased.zeros()
    for name in budget.targets:
        dropped = session.books.erased.meters.get(name)
        total = total + (0 if dropped is None else dropped.booked)
    for call in watched.calls:
        tape = [one for one in call.bookings if session.kinds[one.stack] == TAPE]
        if call.site.meter in budget.targets and len(tape) == 2 and tape[1].coded:
            last = tape[1].coded[-1]
            if isinstance(last.distribution, Table):
                alpha = session.throttle.get(call.site.meter, 1.0)
                lost = ((1 - alpha) * tape[0].change.clamp(min=0).double()).ceil().long()
                total = total + lost * (last.symbols[:, 0] > 0)
    return total


def spread(bits: Tensor) -> tuple[float, float]:
    """Return the mean of numbers [B] and its standard error, 0 for a single one."""
    error = float(bits.std()) / math.sqrt(len(bits)) if len(bits) > 1 else 0.0
    return float(bits.mean()), error
