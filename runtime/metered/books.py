"""The books of a run: per meter and per sequence, what was written, drawn and erased."""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor

from revc.errors import BindError
from revc.runtime.bits.constants import UNIT
from revc.runtime.bits.ledger import Ledger

if TYPE_CHECKING:
    from rich.table import Table

__all__ = ["Books", "Moved"]


class Moved(NamedTuple):
    """Two sizes of a stack, each int64 [B] in 2**-20 bit: now, and when it was last asked."""

    after: Tensor
    before: Tensor

    @property
    def change(self) -> Tensor:
        """What it grew by."""
        return self.after - self.before


class Books:
    """Three accounts, each a `Ledger` of int64 sums in 2**-20 bit.

    `written` is what tapes grew by, `drawn` what reservoirs gave, `erased` what cannot be had back:
    all of a tape that is thrown away, and the residues that a `drop` gave up.
    """

    def __init__(
        self, sequences: int, device: torch.device | str = "cpu", known: Sequence[str] = ()
    ) -> None:
        self.sequences, self.known = sequences, tuple(known)
        self.written = Ledger(sequences, device)
        self.drawn = Ledger(sequences, device)
        self.erased = Ledger(sequences, device)

    @property
    def meters(self) -> tuple[str, ...]:
        """The names that something is or may be booked under, sorted."""
        return tuple(
            sorted({*self.known, *self.written.meters, *self.drawn.meters, *self.erased.meters})
        )

    def net(self, *names: str) -> Tensor:
        """Return written less drawn, int64 [sequences], of some meters or of all.

        Raises:
            BindError: there is no such meter.
        """
        chosen = self._chosen(names)
        return _sum(self.written, chosen) - _sum(self.drawn, chosen)

    def bits(self, account: str, *names: str) -> Tensor:
        """Return an account ("written", "drawn", "erased" or "net") in bits, float64 [sequences].

        Raises:
            BindError: there is no such account or meter.
        """
        if account == "net":
            return self.net(*names).double() / UNIT
        if account not in ("written", "drawn", "erased"):
            raise BindError(f"no account {account!r}: there are written, drawn, erased and net")
        return _sum(getattr(self, account), self._chosen(names)).double() / UNIT

    def _chosen(self, names: tuple[str, ...]) -> tuple[str, ...]:
        """Return meters; a dotted name means the meter of its last part, as for throttles."""
        chosen = tuple(name.rpartition(".")[2] for name in names)
        if unknown := [name for name in chosen if name not in self.meters]:
            there = ", ".join(self.meters) or "none"
            raise BindError(f"no meter {', '.join(unknown)}: there are {there}")
        return chosen or self.meters

    def settle(self) -> None:
        """Sum what waits in all accounts."""
        for ledger in (self.written, self.drawn, self.erased):
            ledger.settle()

    def discard(self) -> None:
        """Count all that was written as erased: the tape is thrown away."""
        for name, meter in self.written.meters.items():
            known = self.erased.meters.get(name)
            already = self.erased.zeros() if known is None else known.booked
            self.erased.book(name, meter.booked - already)

    def entries(self) -> list[dict[str, Any]]:
        """Return one row a meter in bits, summed over the sequences; waits for the device."""
        rows = []
        for name in self.meters:
            accounts = {a: float(self.bits(a, name).sum()) for a in ("written", "drawn", "erased")}
            net = accounts["written"] - accounts["drawn"]
            rows.append({"meter": name, **accounts, "net": net})
        return rows

    def to_json(self) -> str:
        """Return every number of the books as JSON, in units of 2**-20 bit."""
        accounts = ("written", "drawn", "erased")
        return json.dumps({name: json.loads(getattr(self, name).to_json()) for name in accounts})

    def table(self) -> "Table":
        """Return a rich table in bits, a row a meter."""
        from rich.table import Table  # for people: a deployed artifact need not have it

        table = Table(title=f"ledger, {self.sequences} sequences (bits)")
        table.add_column("meter")
        for title in ("written", "drawn", "net", "erased"):
            table.add_column(title, justify="right")
        for row in self.entries():
            columns = (row[title] for title in ("written", "drawn", "net", "erased"))
            table.add_row(row["meter"], *(f"{value:,.3f}" for value in columns))
        return table


def _sum(ledger: Ledger, names: tuple[str, ...]) -> Tensor:
    known = (ledger.meters[name].booked for name in names if name in ledger.meters)
    return sum(known, ledger.zeros())
