"""How far what statements add can take a register: intervals, followed through loops.

A register begins with a known value, or with an input's, which is anything: of that one only what
is added to it is followed. Where nothing bounds an increment (a net, an unknown read), nothing is
said of its register any more.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from math import inf
from typing import NamedTuple

from revc.ir.expr import Place
from revc.ir.instructions import (
    Add,
    Alloc,
    BlockCall,
    Instruction,
    Join,
    Let,
    Negate,
    Permute,
    Repeat,
    Reshape,
    Scale,
    Split,
    Squeeze,
    Swap,
)  # fmt: skip
from revc.ir.program import Block
from revc.ir.types import Lattice, Numerics
from revc.passes.analysis.interval import Interval, bounds

MOST = 5_000  # statements that are followed, turns and calls counted; of what comes later no word


class Held(NamedTuple):
    """What a register may hold: all of it if `known`, else what was added to the input in it.

    `kind` is its numerics, None where nothing is known of it any more.
    """

    low: float
    high: float
    known: bool
    kind: Numerics | None


ANYTHING = Held(-inf, inf, known=False, kind=None)
Registers = dict[str, Held]


class Overflow(NamedTuple):
    """A statement that may take a register out of its lattice, and how far."""

    step: Add | Alloc
    name: str
    held: Held
    lattice: Lattice


def overflows(block: Block) -> Iterator[Overflow]:
    """Yield the statements of a block, and of what it runs, behind which a register may wrap."""
    takes = {one.name: Held(0.0, 0.0, False, one.type.numerics) for one in block.takes}
    yield from _Walk().body(block, takes)


@dataclass
class _Walk:
    """One walk over a block; `left` is how many statements may be followed yet."""

    left: int = MOST
    told: set[int] = field(default_factory=set)

    def body(self, block: Block, held: Registers) -> Iterator[Overflow]:
        """Follow the registers over a body; `held` is changed."""
        for step in block.body:
            self.left -= 1
            if self.left < 0:
                held.update(dict.fromkeys(held, ANYTHING))
                return
            if isinstance(step, BlockCall):
                yield from self._call(step, held)
            elif isinstance(step, Repeat):
                yield from self._loop(step, held)
            else:
                held.update(moved(step, held))
                yield from self._told(step, held)

    def _told(self, step: Instruction, held: Registers) -> Iterator[Overflow]:
        """Yield an update behind which its register may be out of range; it is followed no more."""
        if not isinstance(step, Add | Alloc):
            return
        name = step.targets()[0].name
        now = held[name]
        if isinstance(now.kind, Lattice) and now.high - now.low < inf:
            limit = 2.0 ** (now.kind.integer_bits - 1)
            if now.low < -limit or now.high > limit:
                held[name] = ANYTHING
                if id(step) not in self.told:
                    self.told.add(id(step))
                    yield Overflow(step, name, now, now.kind)

    def _call(self, step: BlockCall, held: Registers) -> Iterator[Overflow]:
        if step.undo:
            held.update(dict.fromkeys(step.results, ANYTHING))
            return
        takes = zip(step.block.takes, step.args, strict=True)
        own = {register.name: held.get(name, ANYTHING) for register, name in takes}
        yield from self.body(step.block, own)
        for name, register in zip(step.results, step.block.gives, strict=True):
            held[name] = own.get(register.name, ANYTHING)

    def _loop(self, step: Repeat, held: Registers) -> Iterator[Overflow]:
        """Follow a loop turn by turn until nothing changes; one of unknown length for one turn."""
        count = step.count.integer
        for _ in range(1 if count is None else count):
            before = {name: held.get(name, ANYTHING) for name in step.registers}
            own = before | {name: held.get(name, ANYTHING) for name in step.givens}
            yield from self.body(step.body, own)
            after = {name: own.get(name, ANYTHING) for name in step.registers}
            if after == before:
                return
            held.update(after)
        if count is None:
            moving = (name for name in before if after[name] != before[name])
            held.update(dict.fromkeys(moving, ANYTHING))


def moved(step: Instruction, held: Registers) -> Registers:
    """Return what the registers hold that a statement changes or makes."""
    match step:
        case Alloc():
            return {step.name: Held(*_value(step, held), True, step.type.numerics)}
        case Let():
            return {step.name: Held(*_value(step, held), True, None)}
        case Add():
            low, high = _value(step, held)
            low, high = (low, high) if step.sign > 0 else (-high, -low)
            return _changed(step.target, held, lambda h: (h.low + low, h.high + high))
        case Negate():
            return _changed(step.target, held, lambda h: (-h.high, -h.low))
        case Scale():
            return _changed(step.target, held, lambda h: _scaled(h, step.lo, step.hi))
        case Swap():
            left, right = step.left, step.right
            return {left: held.get(right, ANYTHING), right: held.get(left, ANYTHING)}
        case Split():
            return dict.fromkeys(step.parts, held.get(step.source, ANYTHING))
        case Join():
            return {step.target: _joined([held.get(part, ANYTHING) for part in step.parts])}
        case Permute() | Reshape() | Squeeze():
            return {}
    return dict.fromkeys((place.name for place in step.targets()), ANYTHING)


def _value(step: Instruction, held: Mapping[str, Held]) -> Interval:
    known = {name: (one.low, one.high) for name, one in held.items() if one.known}
    return bounds(step.values()[0], known)


def _scaled(held: Held, least: float, most: float) -> Interval:
    ends = [end * factor for end in (held.low, held.high) for factor in (least, most)]
    return min(ends), max(ends)


def _joined(parts: list[Held]) -> Held:
    low, high = min(part.low for part in parts), max(part.high for part in parts)
    return Held(low, high, all(part.known for part in parts), parts[0].kind)


def _changed(place: Place, held: Registers, change: Callable[[Held], Interval]) -> Registers:
    now = held.get(place.name, ANYTHING)
    low, high = change(now)
    if place.index:  # elsewhere the register is as it was
        low, high = min(low, now.low), max(high, now.high)
    return {place.name: now._replace(low=low, high=high)}
