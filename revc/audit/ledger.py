"""Diagnostic 2, the exact ledger: what was booked is what the stacks changed by, to 2**-20 bit.

Changes are noted as they happen, stack by stack. Their sums have to be what each stack's size says,
what the books say under each meter and sequence, and undone the exact negative of it.
"""

from collections.abc import Iterable

import torch
from torch import Tensor

from revc.audit.finding import Finding, nothing
from revc.audit.subject import Subject
from revc.audit.watch import Booking, Watched
from revc.errors import RevcError
from revc.runtime.bits.constants import UNIT
from revc.runtime.metered.books import Books
from revc.runtime.metered.key_costs import METER as KEYS
from revc.runtime.metered.plan import TAPE
from revc.runtime.metered.session import Session

NAME = "exact ledger"
ACCOUNTS = ("written", "drawn", "erased")


def check(subject: Subject) -> Finding:
    """Return the largest difference between books and stacks, in units of 2**-20 bit."""
    watched = subject.run()
    session = watched.session
    if session is None:
        return nothing(NAME, "the program exchanges no bits")
    off = _stacks(session, watched) | _books(session, session.books, watched.booked(undone=False))
    stopped = ""
    if subject.model.interface.exact:
        try:
            subject.model.inverse(watched.out)
        except RevcError as error:
            stopped = f"undoing it stopped by: {error}"
        off |= {f"undone, {name}": by for name, by in _undone(session, watched).items()}
    worst = max(off.values(), default=0)
    meters = session.books.meters
    series = {a: [float(session.books.bits(a, m).sum()) for m in meters] for a in ACCOUNTS}
    rows = [
        f"{name} wrote {written:.3f} and drew {drawn:.3f} bits"
        for name, written, drawn in zip(meters, series["written"], series["drawn"], strict=True)
    ]
    wrong = [f"{name} off by {by} x 2^-20 bit" for name, by in off.items() if by]
    detail = "; ".join([*[stopped] * bool(stopped), *wrong, *rows])
    met = worst == 0 and not stopped
    return Finding(NAME, worst, "x 2^-20 bit", "= 0", met, detail, series, meters)


def _stacks(session: Session, watched: Watched) -> dict[str, int]:
    """Return how far each stack's change is from the sum of what was booked on it."""
    booked = watched.booked(undone=False)
    found = {}
    for name, stack in session.stacks.items():
        total = _sum(session, (one.change for one in booked if one.stack == name))
        found[f"stack {name}"] = _most(stack.size() - watched.first[name] - total)
    return found


def _books(session: Session, books: Books, booked: list[Booking]) -> dict[str, int]:
    """Return how far the books are from what was booked, a meter and side at a time."""
    found = {}
    for meter in sorted({one.meter for one in booked} | {*books.meters} - {KEYS}):
        sides = {True: session.books.written.zeros(), False: session.books.written.zeros()}
        for one in booked:
            if one.meter == meter:
                sides[session.kinds[one.stack] == TAPE] += one.change
        written, drawn = books.written.meters.get(meter), books.drawn.meters.get(meter)
        found[f"{meter} written"] = _most(sides[True] - (written.booked if written else 0))
        found[f"{meter} drawn"] = _most(-sides[False] - (drawn.booked if drawn else 0))
        found[f"{meter} net"] = _most(sides[True] + sides[False] - books.net(meter))
    return found


def _undone(session: Session, watched: Watched) -> dict[str, int]:
    """Return how far what undoing booked is from the negative of the run's own books."""
    found = _books(session, session.back_books, watched.booked(undone=True))
    sides = ("written", "drawn")
    for meter in sorted({*session.books.meters, *session.back_books.meters}):
        for side in sides:
            both = [getattr(b, side).meters.get(meter) for b in (session.books, session.back_books)]
            total = _sum(session, (one.booked for one in both if one is not None))
            found[f"{meter} {side} beside the run"] = _most(total)
    return found


def _sum(session: Session, changes: Iterable[Tensor]) -> Tensor:
    return sum(changes, session.books.written.zeros())


def _most(difference: Tensor) -> int:
    return int(difference.abs().max()) if difference.numel() else 0


def bits(change: Tensor) -> float:
    """Return int64 units summed, in bits."""
    return float(change.to(torch.float64).sum()) / UNIT
