"""What became of each net that a model is given: captured or called, and why."""

from typing import NamedTuple

from torch import nn

from revc.runtime.nets.capture.cache import answer, why


class NetReport(NamedTuple):
    """How one net ran last.

    `how` is "built in", "captured", "called" or "not run"; `why` says why it was called as it is.
    """

    name: str
    how: str
    why: str = ""


def report(name: str, net: nn.Module, builtin: bool, capture: str) -> NetReport:
    """Report on a net; `builtin` says that graphs take its tensors."""
    if builtin:
        return NetReport(name, "built in")
    if capture == "never":
        return NetReport(name, "called", "the model captures none")
    found = answer(net)
    if found is None:
        return NetReport(name, "not run")
    reason = why(found)
    return NetReport(name, "called" if reason else "captured", reason)
