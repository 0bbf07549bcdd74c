"""Which registers are live, which reads are good: linearity, statement by statement.

State is linear: each register is made once, changed in place, and ends by a move or as a result.
A `let` is good as long as nothing that it reads has changed.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from revc.grammar.span import Span
from revc.ir.dims import Dim
from revc.ir.expr import Expr, Place
from revc.ir.types import FLOAT, RegType
from revc.passes.analysis.shapes import apart
from revc.passes.rules.l102_use_after_move import moved
from revc.passes.rules.l103_duplicate_argument import duplicate
from revc.passes.rules.l104_overwrite_live import overwrites
from revc.passes.rules.l106_write_given import write_given
from revc.passes.rules.l109_stale_let import stale
from revc.passes.rules.report import Findings, Reported
from revc.passes.rules.s002_unknown_name import unknown_name, unknown_target
from revc.passes.rules.s009_redefined_name import redefined


@dataclass(eq=False, repr=False)
class LetRead:
    """A `let`: its value, the places that it reads (also by other lets), and what changed since.

    `numbers` are those registers and givens that it reads as numbers: that no net stands around.
    """

    value: Expr
    places: tuple[Place, ...]
    numbers: frozenset[str] = frozenset()
    changed: tuple[str, Span] | None = None

    @property
    def type(self) -> RegType:
        """What a read of it gives."""
        return RegType(numerics=FLOAT, shape=self.value.shape)

    def is_apart(self, at: Place, turns: Mapping[str, Dim]) -> bool:
        """Say whether it is certain to read nothing of a place."""
        return all(one.name != at.name or apart(one, at, turns) for one in self.places)


@dataclass(eq=False, repr=False)
class Registers:
    """The state of one body between two statements.

    `gone` says how and where a register left; `lost` are names that a refused statement would have
    made, which are never reported again; `used` and `written` are those a `repeat` must pass on.
    `turns` has the number of turns of each loop around the body whose turns have a name.
    """

    findings: Findings
    live: dict[str, RegType] = field(default_factory=dict)
    givens: dict[str, RegType] = field(default_factory=dict)
    lets: dict[str, LetRead] = field(default_factory=dict)
    gone: dict[str, tuple[str, Span]] = field(default_factory=dict)
    lost: set[str] = field(default_factory=set)
    used: dict[str, None] = field(default_factory=dict)
    written: dict[str, Span] = field(default_factory=dict)
    turns: dict[str, Dim] = field(default_factory=dict)
    _readers: dict[str, list[LetRead]] = field(default_factory=dict)

    def inner(self) -> "Registers":
        """Return the registers as the body of a `repeat` finds them."""
        return Registers(
            self.findings, dict(self.live), dict(self.givens), dict(self.lets), dict(self.gone),
            set(self.lost), turns=dict(self.turns),
            _readers={name: list(lets) for name, lets in self._readers.items()},
        )  # fmt: skip

    def knows(self, name: str) -> bool:
        """Say whether `name` is, or was, something that holds a value."""
        return any(name in names for names in (self.live, self.givens, self.lets, self.gone)) or (
            name in self.lost
        )

    def read(self, name: str, span: Span) -> RegType:
        """Return the type of what `name` holds.

        Raises:
            Reported: it is unknown, has moved, or is a `let` whose source has changed.
        """
        self.used[name] = None
        if name in self.live:
            return self.live[name]
        if name in self.givens:
            return self.givens[name]
        if name in self.lets:
            self._fresh(name, span)
            return self.lets[name].type
        self._absent(name, span)
        raise Reported

    def target(self, name: str, span: Span) -> RegType:
        """Return the type of the register `name`, which is about to change.

        Raises:
            Reported: it is not a live register.
        """
        self.used[name] = None
        if name in self.live:
            return self.live[name]
        if name in self.givens or name in self.lets:
            what = "given" if name in self.givens else "let"
            raise self.findings.reject(write_given(name, what, span))
        if name not in self.lost and name not in self.gone:
            known = [*self.live, *self.givens, *self.lets]
            self.lost.add(name)  # what would have made it is missing once, however often it is used
            raise self.findings.reject(unknown_target(name, span, known))
        self._absent(name, span)
        raise Reported

    def let(self, name: str, value: LetRead) -> None:
        """Add the `let` called `name`."""
        self.lets[name] = value
        for source in dict.fromkeys(place.name for place in value.places):
            self._readers.setdefault(source, []).append(value)

    def change(self, name: str, span: Span, at: Place | None = None) -> None:
        """Note that `name` changes, or the place `at` in it: every `let` that reads it goes stale.

        A body sees the lets of the bodies around it, and so does what it changes.
        """
        self.written.setdefault(name, span)
        fresh = [let for let in self._readers.pop(name, ()) if let.changed is None]
        for let in fresh:
            if at is not None and let.is_apart(at, self.turns):
                self._readers.setdefault(name, []).append(let)
            else:
                let.changed = (name, span)

    def take(self, name: str, how: str, span: Span) -> RegType:
        """Remove the register `name`, which is `how` (joined, put, ...), and return its type.

        Raises:
            Reported: it is not a live register.
        """
        kind = self.target(name, span)
        self.change(name, span)
        del self.live[name]
        self.gone[name] = (how, span)
        return kind

    def make(self, name: str, kind: RegType, span: Span) -> None:
        """Add the register `name`.

        Raises:
            Reported: the name is in use.
        """
        if name in self.live:
            raise self.findings.reject(overwrites(name, span))
        if name in self.givens or name in self.lets:
            what = "a given" if name in self.givens else "a let"
            raise self.findings.reject(redefined(name, what, span))
        self.gone.pop(name, None)
        self.lost.discard(name)
        self.written.setdefault(name, span)
        self.live[name] = kind

    def distinct(self, names: Iterable[tuple[str, Span]]) -> None:
        """Check that no name stands twice.

        Raises:
            Reported: one does.
        """
        self.findings.demand(duplicate(names))

    def lose(self, names: Iterable[str]) -> None:
        """Give up on registers whose statement was refused: say no more of them."""
        for name in names:
            self.live.pop(name, None)
            self.lost.add(name)

    def _fresh(self, name: str, span: Span) -> None:
        changed = self.lets[name].changed
        if changed is not None:
            raise self.findings.reject(stale(name, changed[0], changed[1], span))

    def _absent(self, name: str, span: Span) -> None:
        if name in self.lost:
            raise Reported
        if name in self.gone:
            how, where = self.gone[name]
            raise self.findings.reject(moved(name, how, where, span))
        known = [*self.live, *self.givens, *self.lets]
        raise self.findings.reject(unknown_name("register", name, span, known))
