"""What comes in: values that a program cannot hold are found at its gate, one reduction each.

A value that is not finite, or a label outside its range, is refused. One beyond a lattice is
clamped, and one between the points of a lattice of integers is rounded: `compress` and `score`,
which promise the values back, refuse both; a forward pass warns and counts, and the gradient of
what was clamped is zero.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import torch
from torch import Tensor

from revc.runtime.bits import host
from revc.runtime.findings import Findings, Judge
from revc.runtime.interface import Slot
from revc.runtime.run.admission import Compiled, Held, Replayed
from revc.runtime.run.counts import Counts
from revc.runtime.run.guard import interface_of, readable
from revc.runtime.state import lattice


@torch.library.custom_op("revc::admit", mutates_args=())
def admit_compiled(ends: Tensor, sizes: Sequence[int], key: str) -> Tensor:
    """Judge the ends of what comes into compiled code, [entries, 3]; return a 0-dim zero.

    Raises:
        BindError: a label or a value is out of range, which eager code would clamp.
        NonFiniteError: a value is infinite or NaN.
    """
    at = interface_of(key)
    bound = dict(zip(at.sizes, sizes, strict=True))
    for slot, (low, high, between) in zip(at.entries, ends.tolist(), strict=True):
        Compiled(at.name, slot, bound, low, high).judge(between)
    return ends.new_zeros(())


@admit_compiled.register_fake
def _(ends: Tensor, sizes: Sequence[int], key: str) -> Tensor:
    return ends.new_empty(())


@dataclass
class Intake:
    """The values of a run on their way in.

    `clamped` has a mask of each register of which values were clamped: their gradient is zero.
    """

    program: str
    slots: Sequence[Slot]
    values: Mapping[str, Tensor]
    sizes: Mapping[str, int]
    strict: bool = False
    counts: Counts | None = None
    clamped: dict[str, Tensor] = field(default_factory=dict)
    waiting: list[tuple[Slot, Tensor]] = field(default_factory=list)

    def admit(self) -> "Intake":
        """Look at every value; on devices that would have to be waited for, `report` does.

        Where a CUDA graph is captured, nobody will look in time to know whether a value is clamped:
        the mask is made in any case.

        Raises:
            BindError: a label is out of range, or, where that is refused, a value is.
            NonFiniteError: a value is infinite or NaN.
        """
        for slot in self.slots:
            value = self.values[slot.name]
            if not readable(value) or not value.numel():
                continue
            if not host.waits(value.device):
                self._judge(slot, *extremes(slot, value).tolist())
            else:
                self.waiting.append((slot, self._worst(slot, value)))
        return self

    def _worst(self, slot: Slot, value: Tensor) -> Tensor:
        """Return what is judged later, [4]: the larger the worse."""
        low, high, between = ends(slot, value)
        beyond = torch.zeros_like(low)
        if slot.kind == "lattice" and host.captures(value.device):
            mask = self.clamped[slot.name] = lattice.outside(value, slot.fraction_bits, slot.width)
            beyond = mask.sum().double()
        return torch.stack([-low, high, between, beyond])

    def report(self, found: Findings) -> None:
        """Add what waited for the device to what a pass has found; see `admit`."""
        for slot, worst in self.waiting:
            judge: Judge = partial(self._judge_held, slot)
            if host.captures(worst.device):  # values are others when it is judged
                judge = partial(
                    _judge_replayed, self.program, slot, self.sizes, self.strict, self.counts
                )
            found.add(worst, judge)
        self.waiting = []

    def settle(self) -> None:
        """Judge what waited for the device by itself; see `report`."""
        found = Findings()
        self.report(found)
        found.settle()

    def _judge_held(self, slot: Slot, values: Sequence[float]) -> None:
        self._judge(slot, -values[0], *values[1:3])

    def _judge(self, slot: Slot, low: float, high: float, between: float) -> None:
        value = self.values[slot.name]
        entry = Held(
            self.program, slot, self.sizes, low, high,
            value, self.strict, self.counts, self.clamped,
        )  # fmt: skip
        entry.judge(between)


def extremes(slot: Slot, value: Tensor) -> Tensor:
    """Return what `ends` does as one tensor, [3] in float64."""
    return torch.stack(ends(slot, value))


def ends(slot: Slot, value: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the least and the largest element, 0-dim float64, NaN if one is.

    Third, on a lattice of integers, the number of elements that are none.
    """
    low, high = torch.aminmax(value.detach())
    between = low.new_zeros(())
    if slot.kind == "lattice" and slot.fraction_bits == 0 and value.is_floating_point():
        between = (value.detach().frac() != 0).sum()
    return low.double(), high.double(), between.double()


def _judge_replayed(
    program: str, slot: Slot, sizes: Mapping[str, int], strict: bool, counts: Counts | None,
    values: Sequence[float],
) -> None:  # fmt: skip
    low, high, between, beyond = -values[0], *values[1:]
    Replayed(program, slot, sizes, low, high, strict, counts, beyond).judge(between)
