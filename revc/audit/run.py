"""All diagnostics of a subject, in order."""

from collections.abc import Callable

from revc.audit import budgets, cycle, drift, gap, kernels, ledger, randomness, valves
from revc.audit.finding import Finding
from revc.audit.subject import Subject

Check = Callable[[Subject], Finding | list[Finding]]
CHECKS: tuple[Check, ...] = (
    kernels.check, cycle.check, ledger.check, gap.check, randomness.check, drift.check,
    valves.check, budgets.check,
)  # fmt: skip


def audit(subject: Subject) -> list[Finding]:
    """Run every diagnostic; kernels that do not repeat end it, since nothing else could hold.

    The model is left as it was but for `model.bits.runs`, which starts again.
    """
    found: list[Finding] = []
    for check in CHECKS:
        result = check(subject)
        found += result if isinstance(result, list) else [result]
        if check is kernels.check and found[-1].met is False:
            break
    return found
