"""Diagnostic 3, the coder's gap: booked bits beside Shannon's, and beside constriction's.

Shannon's are -log2 of the integer model at what was coded. constriction, an independent coder, is
given the same symbols under the same integer frequencies. Both are compared a meter and side at a
time, so that neither many symbols of one nor opposite signs hide the other.
"""

import importlib.util
from collections.abc import Iterable

from revc.audit import oracle
from revc.audit.finding import Finding, nothing
from revc.audit.ledger import bits
from revc.audit.subject import Subject
from revc.audit.watch import Booking, Watched
from revc.runtime.metered.plan import TAPE

NAME = "coder gap"
BOUND = 0.01
MOST = 20_000
"""Symbols of a meter and side that constriction codes: it needs a table for each."""

Sides = dict[str, list[Booking]]


def check(subject: Subject) -> list[Finding]:
    """Return the gaps to Shannon's bits and to constriction's, in bits a symbol."""
    sides = _sides(subject.run())
    if not sides:
        return [nothing(NAME, "nothing is coded by a distribution")]
    return [_shannon(sides), _constriction(sides)]


def _sides(watched: Watched) -> Sides:
    """Return the bookings that coded symbols, by meter and side; scales code none."""
    found: Sides = {}
    for one in watched.booked(undone=False):
        if one.coded and watched.session is not None:
            side = "put" if watched.session.kinds[one.stack] == TAPE else "draw"
            found.setdefault(f"{one.meter} {side}", []).append(one)
    return found


def _shannon(sides: Sides) -> Finding:
    rows = []
    for booked in sides.values():
        lengths = (_signed(e.pushed) * bits(e.distribution.shannon(e.symbols))
                   for b in booked for e in b.coded)  # fmt: skip
        count = sum(e.symbols.numel() for b in booked for e in b.coded)
        rows.append((count, sum(bits(b.change) for b in booked), sum(lengths)))
    return _finding(f"{NAME} to Shannon", "Shannon", [*sides], rows, "")


def _constriction(sides: Sides) -> Finding:
    name = f"{NAME} to constriction"
    if importlib.util.find_spec("constriction") is None:
        return nothing(name, "constriction is not installed")
    named, rows, unknown = list[str](), list[tuple[int, float, float]](), set[str]()
    for side, booked in sides.items():
        row = _compared(booked, unknown)
        if row[0]:
            named.append(side)
            rows.append(row)
    left = f"; without a table to give it: {', '.join(sorted(unknown))}" if unknown else ""
    if not rows:
        return nothing(name, f"no model that constriction can be given{left}")
    return _finding(name, "constriction", named, rows, left)


def _compared(booked: list[Booking], unknown: set[str]) -> tuple[int, float, float]:
    """Return symbols, our bits and constriction's, of as much of a side as it is to code."""
    count, ours, given = 0, 0.0, list[oracle.Part]()
    signs = {e.pushed for b in booked for e in b.coded}
    for one in booked:
        each = sum(e.symbols[:1].numel() for e in one.coded)
        sequences = min(len(one.change), (MOST - count) // max(1, each))
        made = [(e, oracle.parts(e, sequences)) for e in one.coded] if sequences else []
        unknown |= {type(e.distribution).__name__ for e, parts in made if parts is None}
        if not made or any(parts is None for _, parts in made) or len(signs) > 1:
            continue
        given += [part for _, parts in made for part in parts or ()]
        ours += bits(one.change[:sequences])
        count += each * sequences
    return count, ours, _signed(True in signs) * oracle.coded(given) if count else 0.0


def _signed(pushed: bool) -> int:
    return 1 if pushed else -1


def _finding(
    name: str, other: str, sides: Iterable[str], rows: list[tuple[int, float, float]], left: str
) -> Finding:
    gaps = [abs(ours - theirs) / max(1, count) for count, ours, theirs in rows]
    texts = (
        f"{side}: {count} symbols, booked {ours:.3f}, {other} {theirs:.3f}"
        for side, (count, ours, theirs) in zip(sides, rows, strict=True)
    )
    series = {"booked": [row[1] for row in rows], other: [row[2] for row in rows]}
    worst = max(gaps, default=0.0)
    return Finding(name, worst, "bit/symbol", f"<= {BOUND}", worst <= BOUND,
                   "; ".join(texts) + left, series, tuple(sides))  # fmt: skip
