"""What the bits of a run take: its stacks as they grow, and what an exchange holds meanwhile.

Stacks grow by what the numbers are, which a step without numbers does not have. So a step is run,
and what each move of bits took is noted: opening the session, every exchange in order, and turning
the session back. Every schedule has the same moves in the same order, for what exchanges bits
inverts. On the same inputs, weights and seed they are exact; other data or other bits may fill
other words of a tape, and make it grow one exchange earlier or later.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, NamedTuple

import torch

from revc.planning.meter import span_bytes
from revc.runtime.metered.ops import NAMESPACE
from revc.runtime.run.snapshots import watched

OPERATORS = frozenset(
    f"{NAMESPACE}::{name}" for name in ("give", "take", "valve", "scale", "squash")
)
"""The operators that exchange bits."""

_SESSION = "revc session"
_BEGINS = {"opening": "opened", "turning": "turned"}
ENDS = frozenset(_BEGINS.values())
"""What a run notes when its session has been opened, and turned back."""


class Move(NamedTuple):
    """Bytes that a move of bits holds beside what was there: once it has ended, and at most.

    An operator's result is among them.
    """

    kept: int
    peak: int


Moves = tuple[Move, ...]
"""The moves of a step in order."""


def measured_moves(step: Callable[[], object]) -> Moves:
    """Run a step of a model once on the CPU, and return its moves."""

    def run() -> None:
        with _marking():
            step()

    return tuple(Move(*one) for one in span_bytes(run, OPERATORS | {_SESSION}))


@contextmanager
def _marking() -> Iterator[None]:
    """Let the profiler see where a session is opened, and where it is turned back."""
    marks = ExitStack()

    def note(_position: int, what: str, _values: Sequence[Any]) -> None:
        if what in _BEGINS:
            marks.enter_context(torch.profiler.record_function(_SESSION))
        elif what in ENDS:
            marks.close()

    with watched(note):
        yield
