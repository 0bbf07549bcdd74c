"""What comes in: values that a program cannot hold are found at its gate, one reduction each.

A value that is not finite, or a label outside its range, is refused. One beyond a lattice is
clamped, and one between the points of a lattice of integers is rounded: `compress` and `score`,
which promise the values back, refuse both; a forward pass warns and counts, and the gradient of
what was clamped is zero.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from revc.errors import BindError
from revc.runtime.interface import Slot
from revc.runtime.run.counts import Counts
from revc.runtime.run.guard import NonFiniteError, interface_of, readable
from revc.runtime.sizes import evaluate
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
        span = f"{at.name}: {slot.name} goes from {low:g} to {high:g}"
        if slot.kind == "label":
            count = evaluate(slot.classes, bound)
            if count is not None and not (low >= 0 and high < count):
                raise BindError(f"{span}, and labels of {slot.text} lie in [0, {count:g})")
        elif not is_finite(slot, low, high):
            raise NonFiniteError(f"{span}, and what comes in must be finite")
        elif slot.kind == "lattice" and (between or _is_beyond(slot, low, high)):
            raise BindError(
                f"{span}, which {slot.text} does not hold, or not exactly: eager code clamps and "
                "rounds and takes the gradient accordingly, compiled code does not"
            )
    return ends.new_zeros(())


@admit_compiled.register_fake
def _(ends: Tensor, sizes: Sequence[int], key: str) -> Tensor:
    return ends.new_empty(())


def _is_beyond(slot: Slot, low: float, high: float) -> bool:
    return lattice.beyond(low, high, torch.float64, slot.fraction_bits, slot.width)


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
        """Look at every value; on devices that would have to be waited for, `settle` does.

        Raises:
            BindError: a label is out of range, or, where that is refused, a value is.
            NonFiniteError: a value is infinite or NaN.
        """
        for slot in self.slots:
            value = self.values[slot.name]
            if not readable(value) or not value.numel():
                continue
            ends = extremes(slot, value)
            if value.device.type == "cpu":
                self._judge(slot, *ends.tolist())
            else:
                self.waiting.append((slot, ends))
        return self

    def settle(self) -> None:
        """Judge what waited for the device; see `admit`."""
        if self.waiting:
            found = torch.stack([ends for _, ends in self.waiting]).tolist()
            slots = [slot for slot, _ in self.waiting]
            self.waiting = []
            for slot, ends in zip(slots, found, strict=True):
                self._judge(slot, *ends)

    def _judge(self, slot: Slot, low: float, high: float, between: float) -> None:
        value = self.values[slot.name]
        if slot.kind == "label":
            _check_label(self.program, slot, value, low, high, self.sizes)
            return
        _check_finite(self.program, slot, value, low, high)
        if slot.kind != "lattice":
            return
        if lattice.beyond(low, high, value.dtype, slot.fraction_bits, slot.width):
            mask = lattice.outside(value, slot.fraction_bits, slot.width)
            self._note(slot, mask, "beyond the lattice", "clamped")
            self.clamped[slot.name] = mask
        if between:
            self._note(slot, value != value.round(), "not an integer", "rounded")

    def _note(self, slot: Slot, mask: Tensor, what: str, done: str) -> None:
        count = int(mask.sum())
        where = _first(mask)
        value = self.values[slot.name][where].item()
        at = f"{slot.name}{list(where)} = {value:g}"
        if self.strict:
            raise BindError(f"{self.program}: {at} is {what}, {slot.text}, as are {count} in all")
        if self.counts is not None:
            self.counts.input(self.program, slot.name, done, count, at)


def extremes(slot: Slot, value: Tensor) -> Tensor:
    """Return the least and the largest element, [3] in float64, NaN if one is.

    Third, on a lattice of integers, the number of elements that are none.
    """
    low, high = torch.aminmax(value.detach())
    between = low.new_zeros(())
    if slot.kind == "lattice" and slot.fraction_bits == 0 and value.is_floating_point():
        between = (value.detach().frac() != 0).sum()
    return torch.stack([low.double(), high.double(), between.double()])


def _check_label(
    program: str, slot: Slot, value: Tensor, low: float, high: float, sizes: Mapping[str, int]
) -> None:
    count = evaluate(slot.classes, sizes)
    if count is None or (low >= 0 and high < count):
        return
    where = _first((value < 0) | (value >= count))
    raise BindError(
        f"{program}: {slot.name}{list(where)} is {int(value[where])}, and labels of {slot.text} "
        f"lie in [0, {count:g}): positions to be left out need a label of their own, or a mask "
        "on what the model emits for each"
    )


def _check_finite(program: str, slot: Slot, value: Tensor, low: float, high: float) -> None:
    if is_finite(slot, low, high):
        return
    with_infinities = slot.given and slot.kind != "lattice"
    where = _first(torch.isnan(value) if with_infinities else ~torch.isfinite(value))
    raise NonFiniteError(
        f"{program}: {slot.name}{list(where)} is {value[where].item()}, and what comes in "
        "must be finite"
    )


def is_finite(slot: Slot, low: float, high: float) -> bool:
    """Say whether a value between two ends may come in: givens may be infinite, as masks are."""
    if slot.given and slot.kind != "lattice":
        return low == low
    return abs(low) < float("inf") and abs(high) < float("inf")


def _first(mask: Tensor) -> tuple[int, ...]:
    """Return the index of the first element that is set."""
    return tuple(mask.nonzero()[0].tolist())
