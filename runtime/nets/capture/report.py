"""What became of each net that a model is given: captured or called, and why."""

from typing import NamedTuple

from torch import nn

from revc.runtime.bits.expand import KEY_BITS
from revc.runtime.nets.capture.cache import answer, why
from revc.runtime.nets.capture.coupling import told
from revc.runtime.nets.capture.graphs import Captured


class NetReport(NamedTuple):
    """How one net ran last.

    `how` is "built in", "captured", "called" or "not run"; `why` says why it was called as it is.
    `whole` says why it ran whole, where the program would have it run in pieces of the batch;
    `bits` are those that each call of it draws.
    """

    name: str
    how: str
    why: str = ""
    whole: str = ""
    bits: int = 0


def report(name: str, net: nn.Module, builtin: bool, capture: str) -> NetReport:
    """Report on a net; `builtin` says that graphs take its tensors."""
    if builtin:
        return NetReport(name, "built in")
    if capture == "never":
        return NetReport(name, "called", "the model captures none")
    found = answer(net)
    if found is None:
        return NetReport(name, "not run")
    reason, mixing = why(found), told(net)
    bits = KEY_BITS if isinstance(found, Captured) and found.random else 0
    return NetReport(name, "called" if reason else "captured", reason, mixing, bits)
