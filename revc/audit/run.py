"""All diagnostics of a subject, in order."""

from collections.abc import Callable

from revc.audit import (
    budgets,
    cycle,
    drift,
    gap,
    kernels,
    ledger,
    parameters,
    randomness,
    valves,
)
from revc.audit.finding import Finding
from revc.audit.subject import Subject
from revc.errors import RevcError

Check = Callable[[Subject], Finding | list[Finding]]
CHECKS: tuple[Check, ...] = (
    kernels.check, cycle.check, ledger.check, parameters.check, gap.check, randomness.check,
    drift.check, valves.check, budgets.check,
)  # fmt: skip


def audit(subject: Subject) -> list[Finding]:
    """Run every diagnostic; kernels that do not repeat end it, since nothing else could hold.

    A model that cannot be run at all fails the diagnostic that finds out. The model is left as it
    was.
    """
    found: list[Finding] = []
    for check in CHECKS:
        found += _rows(check, subject)
        if check is kernels.check and found[-1].met is False:
            break
    return found


def _rows(check: Check, subject: Subject) -> list[Finding]:
    try:
        result = check(subject)
    except RevcError as error:
        name = check.__module__.rpartition(".")[2]
        return [Finding(name, None, "", "", False, f"the run stopped by: {error}")]
    return result if isinstance(result, list) else [result]
