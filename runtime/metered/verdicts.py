"""What a session's stacks have to say when a pass ends, as findings that are read in one go."""

from collections.abc import Mapping, Sequence
from functools import partial

from revc.errors import ReconstructionError
from revc.runtime.bits import BitStack
from revc.runtime.bits.saved import Saved
from revc.runtime.findings import Findings


def report_faults(stacks: Mapping[str, BitStack], found: Findings) -> None:
    """Add what stacks found wrong with the data that they were given, and forget it."""
    for stack in stacks.values():
        found.add(*stack.engine.faults.take())


def report_start(
    stacks: Mapping[str, BitStack], kinds: Mapping[str, str], first: Mapping[str, Saved],
    found: Findings,
) -> None:  # fmt: skip
    """Add how many sequences of each stack are not where they were at `first`."""
    for name, saved in first.items():
        stack = stacks[name]
        wrong = (~stack.is_at(saved)).sum()
        found.add(wrong, partial(_judge, f"{kinds[name]} {name}", stack.sequences))


def _judge(name: str, sequences: int, values: Sequence[float]) -> None:
    (wrong,) = values
    if wrong:
        raise ReconstructionError(
            f"{name}: {int(wrong)} of {sequences} sequences do not come back to where they "
            "started. Other parameters, another state or another batch than the run's own were "
            "used to undo it"
        )
