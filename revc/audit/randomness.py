"""Diagnostic 4, the reservoir count: drawn bits beside meters, and randomness from elsewhere.

What a fresh reservoir gave is counted again from its parts: 16 bits for each word of debt, less
those stored, and the logarithms of its heads, in floats and not by the stack's own size.
"""

import math
from collections import Counter

import torch
from torch import Tensor

from revc.audit.cycle import leaves_of, loss_of
from revc.audit.finding import Finding
from revc.audit.ledger import bits
from revc.audit.subject import Subject
from revc.audit.watch import Watched
from revc.audit.whereabouts import Whereabouts, generators
from revc.errors import RevcError
from revc.runtime.bits import BitStack
from revc.runtime.bits.constants import WORD_BITS
from revc.runtime.bits.expand import KEY_BITS

NAME = "reservoir count"
OFF = 1e-3
"""Bits in which two counts of a reservoir may differ: one of them is in floats."""
_RANDOM = ("rand", "bernoulli", "normal", "uniform", "dropout", "multinomial", "exponential",
           "geometric", "cauchy", "log_normal", "random", "poisson", "binomial", "rrelu_with_noise",
           "native_dropout", "_fused_dropout", "alpha_dropout", "feature_dropout", "_sample_dir",
           "_standard_gamma")  # fmt: skip


class _Randomness:
    """Notes which operators draw, and which net left a global generator in another state."""

    def __init__(self) -> None:
        self.drawn: Counter[str] = Counter()
        self.moved: dict[str, str] = {}
        self.states = generators()

    def seen(self, operator: str, net: str) -> None:
        """Take an operator; bits of ours are drawn by operators of another namespace."""
        space, _, name = operator.partition(".")
        if space == "aten" and name.startswith(_RANDOM):
            self.drawn[f"{operator} in {net}"] += 1

    def left(self, net: str) -> None:
        """Look at the generators as a net returns."""
        now = generators()
        for name, state in now.items():
            if state != self.states.get(name, state):
                self.moved.setdefault(name, net)
        self.states = now

    def told(self) -> list[str]:
        """Return what was found, in words."""
        return [f"{name} x {count}" for name, count in self.drawn.items()] + [
            f"{name} was advanced by {net}" for name, net in self.moved.items()
        ]


def check(subject: Subject) -> Finding:
    """Return how many bits were drawn past the meters, and name what else drew random numbers."""
    found = _Randomness()
    with Whereabouts(subject.model, found.seen, found.left):
        watched = subject.run()
        loss = loss_of(watched.out)
        stopped = _pull(subject, loss) if loss is not None else []
    found.left("the program")
    told = [*found.told(), *stopped]
    metered, given = _drawn(watched)
    off = abs(metered - given)
    if off > OFF:
        told.append(f"meters drew {metered:.3f} bits, reservoirs gave {given:.3f}")
    detail = "; ".join(told) or f"{metered:.3f} bits drawn by meters, no other randomness"
    return Finding(NAME, len(told), "unmetered draws", "= 0", not told, detail)


def _pull(subject: Subject, loss: Tensor) -> list[str]:
    """Run the backward pass; return what stopped it, in words."""
    try:
        torch.autograd.grad(loss, leaves_of(subject), allow_unused=True)
    except RevcError as error:
        return [f"the backward pass stopped by: {error}"]
    return []


def _drawn(watched: Watched) -> tuple[float, float]:
    """Return the bits that meters drew, and those that the reservoirs are short of."""
    session = watched.session
    if session is None:
        return 0.0, 0.0
    sources = [name for name, kind in session.kinds.items() if kind == "reservoir"]
    booked = math.fsum(bits(meter.booked) for meter in session.books.drawn.meters.values())
    keys = watched.out.run.keys
    given = KEY_BITS * len(keys.known) if keys is not None else 0
    return booked, given + math.fsum(_given(session.stacks[name]) for name in sources)


def _given(stack: BitStack) -> float:
    """Return what a stack has given since it was fresh, from words, debt and heads."""
    fresh = BitStack(stack.sequences, stack.lanes, stack.seed, stack.device, stack.mode)
    state = stack.engine.state
    words = int((state.debt - state.fill).sum()) - stack.engine.spilled * state.fill.numel()
    return words * WORD_BITS + _heads(fresh.engine.state.heads) - _heads(state.heads)


def _heads(heads: Tensor) -> float:
    return float(heads.double().log2().sum())
