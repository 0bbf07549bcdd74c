"""The books: what every meter moved, per sequence, in three columns of int64.

* *booked*: how much the stack's ``size`` really changed. These sums telescope: over all bookings
  on a stack they equal its size now less its size at first, to the last 2**-20 bit.
* *shannon*: -log2 of the integer model at the coded symbols. Less than booked by the coder's own
  loss.
* *physical*: change of the bits really held, words and heads: what memory and files see.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypedDict

import torch
from torch import Tensor

from revc.runtime.bits.constants import UNIT, UNIT_BITS
from revc.runtime.bits.errors import LedgerError
from revc.runtime.bits.stack import BitStack

if TYPE_CHECKING:
    from rich.table import Table

_UNREADABLE = (
    KeyError, TypeError, ValueError, AttributeError, OverflowError, RuntimeError, RecursionError,
)  # fmt: skip
"""What JSON of other things raises, here or in torch."""

COLUMNS = ("booked", "shannon", "physical")


class Entry(TypedDict):
    """One meter of the JSON form: int64 sums and per-sequence lists, in 2**-20 bit."""

    meter: str
    calls: int
    booked: int
    shannon: int
    physical: int
    sequences: dict[str, list[int]]


_MANY = 256
"""Changes of a size that wait until they are summed."""


class Meter:
    """Sums of one meter; each column is int64 [sequences].

    Changes of a size are summed when somebody asks: as they come, each would take three launches.
    """

    def __init__(self, zeros: Tensor, calls: int = 0) -> None:
        self._booked, self.shannon, self.physical = zeros, zeros, zeros
        self._moves: list[tuple[Tensor, Tensor]] = []
        self.calls = calls

    @property
    def booked(self) -> Tensor:
        """What the size changed by."""
        if self._moves:
            after, before = (torch.stack(sizes).sum(0) for sizes in zip(*self._moves, strict=True))
            self._booked, self._moves = self._booked + (after - before), []
        return self._booked

    def add(self, booked: Tensor, shannon: Tensor | None, physical: Tensor | None) -> None:
        """Add one booking; a missing column adds nothing."""
        self._booked = self._booked + booked
        self.shannon = self.shannon if shannon is None else self.shannon + shannon
        self.physical = self.physical if physical is None else self.physical + physical
        self.calls += 1

    def move(self, after: Tensor, before: Tensor) -> None:
        """Add one booking, of a size that was `before` and is `after`."""
        self._moves.append((after, before))
        self.calls += 1
        if len(self._moves) >= _MANY:
            self.settle()

    def settle(self) -> None:
        """Sum what waits: a CUDA graph is to do so itself, in each replay."""
        self._booked = self.booked


@dataclass
class Booking:
    """What a ``Ledger.measure`` block can say about itself, and what it measured."""

    shannon: Tensor
    booked: Tensor | None = None

    def expect(self, length: Tensor) -> None:
        """Add the model's length, int64 [sequences], of what the block pushes (negative: pops)."""
        self.shannon = self.shannon + length


class Ledger:
    """Sums per named meter and per sequence.

    Args:
        sequences: number of sequences.
        device: where the sums are kept; booking never moves them off it.

    Raises:
        LedgerError: no stack has so many sequences.
    """

    unit = f"2**-{UNIT_BITS} bit"

    def __init__(self, sequences: int, device: torch.device | str = "cpu") -> None:
        if not 0 <= sequences < 1 << 31:
            raise LedgerError(f"a ledger of {sequences} sequences: want at least 0, below 2**31")
        self.sequences = sequences
        self.device = torch.empty(0, device=device).device
        self.meters: dict[str, Meter] = {}

    def zeros(self) -> Tensor:
        """int64 [sequences] of zeros."""
        return torch.zeros(self.sequences, dtype=torch.int64, device=self.device)

    def book(
        self, name: str, booked: Tensor, shannon: Tensor | None = None,
        physical: Tensor | None = None,
    ) -> None:  # fmt: skip
        """Add int64 [sequences] changes in 2**-20 bit to a meter; a missing column adds nothing.

        Raises:
            LedgerError: another dtype, shape or device; nothing is booked then.
        """
        columns = (booked, shannon, physical)
        for title, column in zip(COLUMNS, columns, strict=True):
            if column is not None:
                self._check(title, name, column)
        if name not in self.meters:
            self.meters[name] = Meter(self.zeros())
        self.meters[name].add(*columns)

    def book_move(self, name: str, after: Tensor, before: Tensor) -> None:
        """Add a change between two sizes, int64 [sequences] in 2**-20 bit, to a meter.

        Raises:
            LedgerError: another dtype, shape or device; nothing is booked then.
        """
        for size in (after, before):
            self._check("booked", name, size)
        if name not in self.meters:
            self.meters[name] = Meter(self.zeros())
        self.meters[name].move(after, before)

    def settle(self) -> None:
        """Sum what waits in all meters."""
        for meter in self.meters.values():
            meter.settle()

    def _check(self, title: str, name: str, column: Tensor) -> None:
        good = column.dtype == torch.int64 and column.shape == (self.sequences,)
        if good and column.device == self.device:
            return
        what = f"{title} of meter {name!r}"
        if column.dtype != torch.int64:
            raise LedgerError(f"{what}: want int64, not {column.dtype}")
        if tuple(column.shape) != (self.sequences,):
            raise LedgerError(f"{what}: want [{self.sequences}], not {list(column.shape)}")
        if column.device != self.device:
            raise LedgerError(f"{what}: on {column.device}, the ledger is on {self.device}")

    @contextmanager
    def measure(self, name: str, stack: BitStack) -> Iterator[Booking]:
        """Book what a block does to ``stack``; nothing is booked if it raises."""
        size, held = stack.size(), stack.physical()
        booking = Booking(self.zeros())
        yield booking
        booking.booked = stack.size() - size
        self.book(name, booking.booked, booking.shannon, stack.physical() - held)

    def __getitem__(self, name: str) -> Meter:
        found = self.meters.get(name)
        if found is None:
            raise LedgerError(f"no meter {name!r}; there are {sorted(self.meters)}")
        return found

    def total(self, column: str = "booked") -> Tensor:
        """Sum of a column over all meters, int64 [sequences] in 2**-20 bit.

        Args:
            column: ``booked``, ``shannon`` or ``physical``.

        Raises:
            LedgerError: there is no such column.
        """
        if column not in COLUMNS:
            raise LedgerError(f"no column {column!r}; there are {list(COLUMNS)}")
        return sum((getattr(m, column) for m in self.meters.values()), self.zeros())

    def merge(self, other: Ledger) -> None:
        """Add another ledger of as many sequences, meter by meter.

        Raises:
            LedgerError: it has another number of sequences, or lies on another device.
        """
        if other.sequences != self.sequences:
            raise LedgerError(f"{other.sequences} sequences do not merge into {self.sequences}")
        for name, meter in other.meters.items():
            self.book(name, meter.booked, meter.shannon, meter.physical)
            self.meters[name].calls += meter.calls - 1

    def entries(self) -> list[Entry]:
        """The meters by name, as plain numbers; waits for the device."""
        out: list[Entry] = []
        for name in sorted(self.meters):
            meter = self.meters[name]
            lists = {column: getattr(meter, column).tolist() for column in COLUMNS}
            out.append({
                "meter": name, "calls": meter.calls, "booked": sum(lists["booked"]),
                "shannon": sum(lists["shannon"]), "physical": sum(lists["physical"]),
                "sequences": lists,
            })  # fmt: skip
        return out

    def to_json(self) -> str:
        """The ledger as JSON; all amounts are integers of ``unit`` bit."""
        whole: dict[str, Any] = {
            "unit": self.unit, "sequences": self.sequences, "meters": self.entries(),
        }  # fmt: skip
        return json.dumps(whole)

    @classmethod
    def from_json(cls, text: str) -> Ledger:
        """The ledger that ``to_json`` wrote, on the CPU.

        Raises:
            LedgerError: the text is none.
        """
        try:
            whole = json.loads(text)
            if whole["unit"] != cls.unit:
                raise LedgerError(f"a ledger in {whole['unit']}, not in {cls.unit}")
            ledger = cls(int(whole["sequences"]))
            for entry in whole["meters"]:
                ledger.book(
                    entry["meter"],
                    *(torch.tensor(entry["sequences"][c], device="cpu") for c in COLUMNS),
                )
                ledger.meters[entry["meter"]].calls = int(entry["calls"])
        except _UNREADABLE as error:
            raise LedgerError(f"this is no ledger: {error!r}") from error
        return ledger

    def table(self) -> Table:
        """A rich table in bits, one row a meter."""
        from rich.table import Table  # for people: a deployed artifact need not have it

        table = Table(title=f"ledger, {self.sequences} sequences (bits)")
        table.add_column("meter")
        for title in ("calls", *COLUMNS, "gap", "least", "most"):
            table.add_column(title, justify="right")
        for entry in self.entries():
            own = entry["sequences"]["booked"]
            numbers = [entry["booked"], entry["shannon"], entry["physical"]]
            numbers += [
                entry["booked"] - entry["shannon"],
                min(own, default=0),
                max(own, default=0),
            ]
            table.add_row(
                entry["meter"], str(entry["calls"]), *(f"{n / UNIT:,.3f}" for n in numbers)
            )
        return table
