"""Budgets, measured: proved by the distributions alone, or the mean a sequence beside its bound."""

import math

from revc.audit.finding import Finding
from revc.audit.subject import Subject
from revc.passes.feasible import verdict
from revc.runtime.bits.constants import UNIT

_ACCOUNTS = {"put": "written", "draw": "drawn", "net": "net"}
SIGMAS = 3.0


def check(subject: Subject) -> list[Finding]:
    """Return a finding a budget."""
    program = subject.graphs.program
    if not program.budgets:
        return []
    watched = subject.run()
    session = watched.session
    assert session is not None
    found = []
    for declared, budget in zip(program.budgets, subject.model.interface.plan.budgets, strict=True):
        allowed = session.allowed[budget] / UNIT
        bits = session.books.bits(_ACCOUNTS[budget.meter], *budget.targets)
        mean = float(bits.mean())
        error = float(bits.std()) / math.sqrt(len(bits)) if len(bits) > 1 else 0.0
        proved = verdict(program.model, declared).state == "proved"
        met = proved or budget.meter == "net" or mean - SIGMAS * error <= allowed
        how = "proved" if proved else "enforced" if budget.meter == "net" else "measured"
        detail = f"{how}; {mean:.3f} +- {error:.3f} bits a sequence of {allowed:.3f}"
        found.append(
            Finding(f"budget {budget.text}", mean, "bit/sequence", f"<= {allowed:g}", met, detail)
        )
    return found
