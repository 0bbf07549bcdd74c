"""How a module's bits are kept: what its owner sets between two runs."""

import hashlib
from collections import UserDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch

from revc.errors import BindError
from revc.runtime.bits.backends import default_lanes

Mode = Literal["lossless", "audit", "deployed"]
MODES = ("lossless", "audit", "deployed")


_SEEDS = 1 << 31
"""What a seed that is set lies below, and the numbers that are drawn do not: none is both."""

_NUMBERS = 1 << 54
"""What the number of a run lies below: it leaves a stack's seed a bit and eight for its place."""


@dataclass(slots=True)  # a name that is none of these is an error
class BitSettings:
    """The settings that each run of a module starts from.

    `mode`: ``lossless`` keeps tape and reservoir, so that a run can be undone; ``audit`` writes raw
    bit patterns in place of coded values, whatever the distributions say; ``deployed`` throws the
    tape away as the run ends, and counts it as erased. `seed`: None draws the random bits of each
    run by torch's default generator on the CPU, as torch's own dropout does; a number in [0, 2**31)
    gives every run the same ones. `lanes` are the coders of a sequence: None takes 32 on the CPU
    and 512 on an accelerator. They decide which random bits a draw gets. `spill` is a file that
    the tape streams to as it grows (one run at a time), or ``"host"`` for host memory.
    """

    mode: Mode = "lossless"
    seed: int | None = None
    lanes: int | None = None
    spill: str | Path | None = None

    def check(self) -> None:
        """Refuse settings that mean nothing.

        Raises:
            BindError: there is no such mode, or a number is out of range.
        """
        if self.mode not in MODES:
            raise BindError(f"no mode {self.mode!r}: there are {', '.join(MODES)}")
        if self.lanes is not None and self.lanes < 1:
            raise BindError(f"lanes = {self.lanes}: a sequence needs at least one")
        if self.seed is not None and not 0 <= self.seed < _SEEDS:
            raise BindError(f"seed = {self.seed}: want None, or 0 <= seed < 2**31")

    def lanes_on(self, device: torch.device) -> int:
        """Return the coders of a sequence whose stacks are on `device`."""
        return default_lanes(device) if self.lanes is None else self.lanes

    def number(self) -> int:
        """Return the number that all random bits of the next run depend on: the seed, or drawn.

        Drawn from torch's default generator, so that whoever restores its state, as
        `torch.utils.checkpoint` does, repeats the run's bits exactly.
        """
        if self.seed is not None:
            return self.seed
        return int(torch.randint(_SEEDS, _NUMBERS, (), dtype=torch.int64, device="cpu"))


def stack_seed(number: int, place: int, reservoir: bool, own: int | None) -> int:
    """Return the seed of a run's stack, in [0, 2**63).

    Args:
        number: that of the run.
        place: of the stack among those of the program, below 256.
        reservoir: whether it is one, and no tape.
        own: the seed that the spec gives the stack, if it does; then the place does not count.
    """
    if own is None:
        return (place << 55) + (number << 1) + reservoir
    digest = hashlib.blake2b(f"{own} {number}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1


class Throttle(UserDict[str, float]):
    """Throttles by meter, each in [0, 1]: ``model.throttle["va"] = 0.9``; 1 unless set.

    A dotted name means the meter of its last part (``LM.va`` is ``va``).
    """

    def __init__(self, known: Sequence[str] = (), budgeted: Iterable[str] = ()) -> None:
        self.known, self.budgeted = tuple(known), frozenset(budgeted)
        super().__init__()

    def __getitem__(self, name: str) -> float:
        """Return a throttle.

        Raises:
            BindError: no valve has that name.
        """
        return self.data.get(self._meter(name), 1.0)

    def __setitem__(self, name: str, value: float) -> None:
        """Set a throttle.

        Raises:
            BindError: no valve has that name, no budget bounds it, or the value is out of range.
        """
        meter = self._meter(name)
        if not 0 <= value <= 1:
            raise BindError(f"throttle[{name!r}] = {value:g}: a throttle is in [0, 1]")
        if value < 1 and meter not in self.budgeted:
            raise BindError(
                f"throttle[{name!r}] = {value:g}: a valve is throttled under a budget only; "
                f"write `budget net({meter}) <= ...` in the spec"
            )
        self.data[meter] = float(value)

    def __delitem__(self, name: str) -> None:
        """Set a throttle back to 1."""
        self.data.pop(self._meter(name), None)

    def _meter(self, name: str) -> str:
        meter = name.rpartition(".")[2]
        if meter not in self.known:
            raise BindError(f"no valve {name!r}: there are {', '.join(self.known) or 'none'}")
        return meter

    def of(self, meter: str) -> float:
        """Return the throttle of a meter, 1 for one that has none."""
        return self.data.get(meter, 1.0)
