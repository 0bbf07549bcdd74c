"""Diagnostic 2, the exact ledger: what was booked is what the stacks changed by, to 2**-32 bit."""

import torch
from torch import Tensor

from revc.audit.finding import Finding, nothing
from revc.audit.subject import Subject, Watched
from revc.runtime.metered.plan import TAPE
from revc.runtime.metered.session import Session

NAME = "exact ledger"


def check(subject: Subject) -> Finding:
    """Return the largest difference between books and stacks, in units of 2**-32 bit."""
    watched = subject.run()
    session = watched.session
    if session is None:
        return nothing(NAME, "the program exchanges no bits")
    off = max(_forward(session, watched))
    books = {name: (_booked(session, TAPE, name), _booked(session, "", name))
             for name in session.books.meters}  # fmt: skip
    if subject.model.interface.exact:
        subject.model.inverse(watched.out)
        off = max(off, *_back(session))
    series = {
        "written": [float(written) / 2**32 for written, _ in books.values()],
        "drawn": [float(drawn) / 2**32 for _, drawn in books.values()],
    }
    detail = ", ".join(
        f"{name} wrote {w / 2**32:.3f} and drew {d / 2**32:.3f}" for name, (w, d) in books.items()
    )
    return Finding(NAME, off, "x 2^-32 bit", "= 0", off == 0, detail + " bits", series)


def _booked(session: Session, kind: str, name: str) -> int:
    ledger = session.books.written if kind == TAPE else session.books.drawn
    return int(ledger.meters[name].booked.sum()) if name in ledger.meters else 0


def _forward(session: Session, watched: Watched) -> list[int]:
    """Return how far the sums of each kind of stack are off, and net from written less drawn."""
    changed: dict[str, Tensor] = {}
    for name, stack in session.stacks.items():
        change = stack.size() - watched.first[name]
        kind = session.kinds[name]
        changed[kind] = changed.get(kind, torch.zeros_like(change)) + change
    written = session.books.written.total() - changed[TAPE]
    drawn = session.books.drawn.total() + changed["reservoir"]
    net = session.books.net() - (session.books.written.total() - session.books.drawn.total())
    return [int(part.abs().max()) for part in (written, drawn, net)]


def _back(session: Session) -> list[int]:
    """Return how far what the undoing booked is from the negative of the run's books."""
    written = session.back_books.written.total() + session.books.written.total()
    drawn = session.back_books.drawn.total() + session.books.drawn.total()
    return [int(part.abs().max()) for part in (written, drawn)]
