"""What may come in, decided in one place from a value's ends; who asks says how it is told.

Eager code has the values themselves and names an element. What a CUDA graph replays, and compiled
code, know no more than the ends when it is judged.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NoReturn

import torch
from torch import Tensor

from revc.errors import BindError
from revc.runtime.interface import Slot
from revc.runtime.run.counts import Counts
from revc.runtime.run.guard import NonFiniteError
from revc.runtime.sizes import evaluate
from revc.runtime.state import lattice

Done = Literal["clamped", "rounded"]
"""What is done to an element that its lattice does not hold."""
_WHY: dict[Done, str] = {"clamped": "beyond the lattice", "rounded": "not an integer"}


@dataclass
class Entry(ABC):
    """A value at the gate of a program: what it is to fit, and the least and largest element."""

    program: str
    slot: Slot
    sizes: Mapping[str, int]
    low: float
    high: float

    def judge(self, between: float) -> None:
        """Refuse or note what does not fit; `between` counts elements that are no integers.

        Raises:
            BindError: a label is out of range, or a value is, where that is refused.
            NonFiniteError: a value is infinite or NaN.
        """
        slot = self.slot
        if slot.kind == "label":
            count = evaluate(slot.classes, self.sizes)
            if count is not None and not (self.low >= 0 and self.high < count):
                self.refuse_label(count)
        elif not self._is_finite():
            self.refuse_infinite()
        elif slot.kind == "lattice":
            if self.is_beyond():
                self.lossy("clamped")
            if between:
                self.lossy("rounded", int(between))

    def _is_finite(self) -> bool:
        """Say whether all elements are, or may be something else: masks have infinities."""
        if self.slot.given and self.slot.kind != "lattice":
            return self.low == self.low
        return abs(self.low) < float("inf") and abs(self.high) < float("inf")

    @abstractmethod
    def is_beyond(self) -> bool:
        """Say whether an element is beyond the lattice."""

    @abstractmethod
    def refuse_label(self, count: float) -> NoReturn:
        """Refuse labels of which one is not in [0, count)."""

    @abstractmethod
    def refuse_infinite(self) -> NoReturn:
        """Refuse what is infinite or NaN."""

    @abstractmethod
    def lossy(self, done: Done, count: int = 0) -> None:
        """Refuse, or note, that elements have to be clamped or rounded; 0 is an unknown number."""


@dataclass
class Held(Entry):
    """A value that is at hand: the element that does not fit is named."""

    value: Tensor
    strict: bool
    counts: Counts | None
    clamped: dict[str, Tensor]

    def is_beyond(self) -> bool:
        """Compare the ends with those of the lattice in the value's dtype."""
        slot = self.slot
        return lattice.beyond(self.low, self.high, self.value.dtype, slot.fraction_bits, slot.width)

    def refuse_label(self, count: float) -> NoReturn:
        """Name the first label."""
        where = _first((self.value < 0) | (self.value >= count))
        raise BindError(
            f"{self._at(where)} is {int(self.value[where])}, and labels of {self.slot.text} "
            f"lie in [0, {count:g}): positions to be left out need a label of their own, or a mask "
            "on what the model emits for each"
        )

    def refuse_infinite(self) -> NoReturn:
        """Name the first element."""
        masks = self.slot.given and self.slot.kind != "lattice"
        where = _first(torch.isnan(self.value) if masks else ~torch.isfinite(self.value))
        raise NonFiniteError(
            f"{self._at(where)} is {self.value[where].item()}, and what comes in must be finite"
        )

    def lossy(self, done: Done, count: int = 0) -> None:
        """Name the first element; keep which were clamped, as they have no gradient."""
        slot, value = self.slot, self.value
        if done == "clamped":
            mask = lattice.outside(value, slot.fraction_bits, slot.width)
            self.clamped[slot.name] = mask
        else:
            mask = value != value.round()
        count, where = int(mask.sum()), _first(mask)
        at = f"{slot.name}{list(where)} = {value[where].item():g}"
        if self.strict:
            raise BindError(
                f"{self.program}: {at} is {_WHY[done]}, {slot.text}, as are {count} in all"
            )
        if self.counts is not None:
            self.counts.input(self.program, slot.name, done, count, at)

    def _at(self, where: tuple[int, ...]) -> str:
        return f"{self.program}: {self.slot.name}{list(where)}"


@dataclass
class Spanned(Entry):
    """A value of which only the ends are known."""

    @property
    def span(self) -> str:
        """Where it goes from and to."""
        return f"{self.program}: {self.slot.name} goes from {self.low:g} to {self.high:g}"

    def refuse_label(self, count: float) -> NoReturn:
        """Tell the ends."""
        raise BindError(f"{self.span}, and labels of {self.slot.text} lie in [0, {count:g})")

    def refuse_infinite(self) -> NoReturn:
        """Tell the ends."""
        raise NonFiniteError(f"{self.span}, and what comes in must be finite")


@dataclass
class Replayed(Spanned):
    """A value of a CUDA graph, with the number of its elements that are `beyond` the lattice."""

    strict: bool
    counts: Counts | None
    beyond: float

    def is_beyond(self) -> bool:
        """Look at the number."""
        return self.beyond > 0

    def lossy(self, done: Done, count: int = 0) -> None:
        """Count what was done."""
        if self.strict:
            raise BindError(f"{self.span}, which {self.slot.text} does not hold, or not exactly")
        if self.counts is not None:
            count = count or int(self.beyond)
            example = f"in a span from {self.low:g} to {self.high:g}"
            self.counts.input(self.program, self.slot.name, done, count, example)


@dataclass
class Compiled(Spanned):
    """A value of compiled code, which takes no gradient by what was clamped, and so clamps none."""

    def is_beyond(self) -> bool:
        """Compare the ends with those of the lattice."""
        slot = self.slot
        return lattice.beyond(self.low, self.high, torch.float64, slot.fraction_bits, slot.width)

    def lossy(self, done: Done, count: int = 0) -> NoReturn:
        """Refuse it."""
        raise BindError(
            f"{self.span}, which {self.slot.text} does not hold, or not exactly: eager code clamps "
            "and rounds and takes the gradient accordingly, compiled code does not"
        )


def _first(mask: Tensor) -> tuple[int, ...]:
    """Return the index of the first element that is set."""
    return tuple(mask.nonzero()[0].tolist())
