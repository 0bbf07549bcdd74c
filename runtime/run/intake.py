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

from revc.errors import BindError
from revc.runtime.bits import host
from revc.runtime.findings import Findings, Judge
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
            _check_span(span, slot, low, high, bound)
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
            judge: Judge = partial(self._located, slot)
            if host.captures(worst.device):  # values are others when it is judged
                judge = partial(
                    _judge_span, self.program, slot, self.sizes, self.strict, self.counts
                )
            found.add(worst, judge)
        self.waiting = []

    def settle(self) -> None:
        """Judge what waited for the device by itself; see `report`."""
        found = Findings()
        self.report(found)
        found.settle()

    def _located(self, slot: Slot, values: Sequence[float]) -> None:
        low, high, between, _ = values
        self._judge(slot, -low, high, between)

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


def _judge_span(
    program: str, slot: Slot, sizes: Mapping[str, int], strict: bool, counts: Counts | None,
    values: Sequence[float],
) -> None:  # fmt: skip
    """Judge values of which no more is known than their ends, and how many are clamped."""
    low, high, between = -values[0], values[1], values[2]
    span = f"{program}: {slot.name} goes from {low:g} to {high:g}"
    if slot.kind == "label":
        _check_span(span, slot, low, high, sizes)
    elif not is_finite(slot, low, high):
        raise NonFiniteError(f"{span}, and what comes in must be finite")
    elif slot.kind == "lattice":
        for count, done in ((values[3], "clamped"), (between, "rounded")):
            if count and strict:
                raise BindError(f"{span}, which {slot.text} does not hold, or not exactly")
            if count and counts is not None:
                example = f"in a span from {low:g} to {high:g}"
                counts.input(program, slot.name, done, int(count), example)


def _check_span(span: str, slot: Slot, low: float, high: float, sizes: Mapping[str, int]) -> None:
    """Refuse labels out of range."""
    count = evaluate(slot.classes, sizes)
    if count is not None and not (low >= 0 and high < count):
        raise BindError(f"{span}, and labels of {slot.text} lie in [0, {count:g})")


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
