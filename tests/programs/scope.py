"""The generator's own model of a body: what is live, what may be read, what may be written."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from tests.programs.kinds import Kind, Shape, Size


@dataclass
class NetRule:
    """A net by its name: it reads a value of each of `takes` and returns one of `gives`."""

    takes: tuple[Shape, ...]
    gives: Shape


@dataclass
class BlockRule:
    """A block: its state and givens, the shape of its generic net, and whether it emits.

    One that was called by a label takes givens of exactly the types of that call.
    """

    name: str
    state: tuple[Kind, ...]
    givens: tuple[Kind, ...]
    generic: Shape | None = None
    number: bool = False
    emits: bool = False
    used: bool = False
    exact: bool = False


@dataclass
class Spec:
    """What is drawn once a program: its dims and numerics, and all that its file declares."""

    rng: random.Random
    numerics: str
    sizes: dict[str, int]
    shapes: list[Shape]
    holes: dict[str, int] = field(default_factory=dict)  # net without a body: its last axis
    blocks: list[BlockRule] = field(default_factory=list)
    nets: dict[str, NetRule] = field(default_factory=dict)
    header: list[str] = field(default_factory=list)
    footer: list[str] = field(default_factory=list)
    tapes: list[str] = field(default_factory=list)
    reservoirs: list[str] = field(default_factory=list)
    names: int = 0
    bits: bool = True
    inexact: bool = False  # a step whose lattice form is not the rounded formula
    left_out: frozenset[str] = frozenset()

    def fresh(self, stem: str) -> str:
        self.names += 1
        return f"{stem}{self.names}"

    def chance(self, p: float) -> bool:
        return self.rng.random() < p

    @property
    def floats(self) -> bool:
        """Whether state is float: undone up to rounding only."""
        return self.numerics == "float32"

    def type_text(self, kind: Kind) -> str:
        shape = "[" + ", ".join(map(str, kind.shape)) + "]"
        plain = kind.numerics == self.numerics and self.chance(0.8)
        return shape if plain else kind.numerics + shape


@dataclass
class Scope:
    """One body, statement by statement; `lets` have a shape and the registers that they read."""

    spec: Spec
    live: dict[str, Kind]
    givens: dict[str, Kind] = field(default_factory=dict)
    lets: dict[str, tuple[Shape, frozenset[str]]] = field(default_factory=dict)
    frozen: frozenset[str] = frozenset()
    turns: tuple[tuple[str, Size], ...] = ()
    nets: dict[str, NetRule] = field(default_factory=dict)
    numbers: list[str] = field(default_factory=list)
    called: dict[str, BlockRule] = field(default_factory=dict)
    written: set[str] = field(default_factory=set)
    lines: list[str] = field(default_factory=list)
    depth: int = 1
    may_emit: bool = True
    reversed_text: bool = False  # in an `undo repeat`, whose inverse is printed from the text alone
    forward: bool = False  # whether its statements are never undone, as those of a block may be
    open: bool = False  # whether types may end otherwise than they began

    def add(self, line: str) -> None:
        self.lines.append("  " * self.depth + line)

    def write(self, *names: str) -> None:
        """Note that registers change: reads of them by `let` are good no longer."""
        self.written.update(names)
        self.lets = {n: let for n, let in self.lets.items() if not let[1] & set(names)}

    def writable(self) -> list[str]:
        return [name for name in self.live if name not in self.frozen]

    def readable(self) -> dict[str, Kind]:
        """What an expression may read as a number or a label."""
        lets = {name: Kind("float32", shape) for name, (shape, _) in self.lets.items()}
        return {**self.live, **self.givens, **lets}

    def sources(self, names: frozenset[str]) -> frozenset[str]:
        """Return the registers that reads of `names` come from, those by `let` included."""
        found: set[str] = set()
        for name in names:
            found |= self.lets[name][1] if name in self.lets else {name}
        return frozenset(found)

    @contextmanager
    def holding(self, names: frozenset[str]) -> Iterator[None]:
        """Keep registers as they are for a while."""
        before = self.frozen
        self.frozen = before | names
        yield
        self.frozen = before

    def turn(self, **changes: object) -> "Scope":
        """Return the scope of a loop's body; outer lets that it may read hold their sources."""
        lets = {n: let for n, let in self.lets.items() if self.spec.chance(0.6)}
        held = frozenset().union(*(reads for _, reads in lets.values()))
        return replace(
            self, live=dict(self.live), lets=dict(lets), frozen=self.frozen | held, called={},
            written=set(), lines=[], depth=self.depth + 1, nets=dict(self.nets), open=False,
            **changes,  # type: ignore[arg-type]
        )  # fmt: skip
