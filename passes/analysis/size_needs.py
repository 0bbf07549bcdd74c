"""What a program needs of its free sizes: that they divide, and that its indices lie inside.

What holds or fails at every size is decided when the spec is read. What is left is a condition on
the sizes that inputs bind, and is checked before anything runs.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from revc.grammar.span import Span
from revc.ir.dims import Dim
from revc.ir.expr import At, Elementwise, NetCall, Number, Place, Read, walk
from revc.ir.instructions import Emit, Instruction, Let, Repeat
from revc.ir.instructions.base import Env
from revc.ir.instructions.metered import Coded
from revc.ir.program import Block
from revc.ir.types import FLOAT, RegType, Shape
from revc.passes.analysis.ranges import Turns, is_never_negative, lows

Kind = Literal["whole", "least", "other"]
Guards = tuple[Dim, ...]


@dataclass(frozen=True, slots=True)
class SizeNeed:
    """A dim in free sizes that must be a whole number, at least 0, or other than 0, as `kind` says.

    It need not where one of `turns`, the counts of the loops around it, is below 1.
    """

    kind: Kind
    value: Dim
    turns: Guards
    text: str
    span: Span


def size_needs(model: Block) -> tuple[SizeNeed, ...]:
    """Return what a model needs of its free sizes, each need once, in the order of the program."""
    walked = _Walk()
    walked.block(model, {}, ())
    return tuple(walked.found.values())


@dataclass
class _Walk:
    """Goes through blocks once for each set of loops that they stand in."""

    found: dict[object, SizeNeed] = field(default_factory=dict)
    seen: set[object] = field(default_factory=set)

    def block(self, block: Block, turns: Turns, guards: Guards) -> None:
        if (id(block), guards) in self.seen:
            return
        self.seen.add((id(block), guards))
        env: Env = {r.name: r.type for r in (*block.takes, *block.givens)}
        for step in block.body:
            self._step(step, env, turns, guards)

    def _step(self, step: Instruction, env: Env, turns: Turns, guards: Guards) -> None:
        for place in _places(step):
            for value, text in index_needs(place, env[place.name].shape) if place.index else ():
                self._least(value, turns, guards, text, place.span)
        for dim in _divided(step):
            self._whole(dim, turns, guards, step.span)
        for divisor in divisors(step):
            self._other(divisor, turns, guards, step.span)
        _advance(step, env)
        mask = isinstance(step, Coded) and step.by.family == "dropout"  # of a slice, so maybe empty
        for place in step.targets():
            for dim in env[place.name].shape if place.name in env else ():
                text = f"{dim} is less than {1 - mask}"
                self._size(dim, 1 - mask, turns, guards, text, step.span)
        if isinstance(step, Repeat):
            self._loop(step, turns, guards)
            return
        for inner in step.inner():
            self.block(inner, {}, guards)

    def _loop(self, step: Repeat, turns: Turns, guards: Guards) -> None:
        emits = any(isinstance(one, Emit) for one in step.body.instructions())
        least, text = 0, f"{step.count} is less than 0"
        if emits:
            least, text = 1, f"{step.count} counts no turns of a loop that emits"
        self._size(step.count, least, turns, guards, text, step.span)
        known = step.count.constant
        if known is not None and known < 1:
            return
        inner = {**turns, step.index: step.count} if step.index is not None else turns
        told = known is None and not step.count.names & turns.keys()
        self.block(step.body, inner, (*guards, step.count) if told else guards)

    def _size(
        self, dim: Dim, least: int, turns: Turns, guards: Guards, text: str, span: Span
    ) -> None:
        """Ask that a size, or a number of turns, is whole and at least `least`."""
        self._whole(dim, turns, guards, span)
        self._least(dim - least, turns, guards, text, span)

    def _whole(self, dim: Dim, turns: Turns, guards: Guards, span: Span) -> None:
        parts = Dim(tuple(term for term in dim.terms if not set(term[0]) & turns.keys()))
        if any(factor.denominator != 1 for _, factor in parts.terms):
            self._add(SizeNeed("whole", parts, guards, f"{dim} is no whole number", span))

    def _least(self, value: Dim, turns: Turns, guards: Guards, text: str, span: Span) -> None:
        for low in lows(value, turns):
            if not is_never_negative(low):
                self._add(SizeNeed("least", low, guards, text, span))

    def _other(self, value: Dim, turns: Turns, guards: Guards, span: Span) -> None:
        if not value.names & turns.keys() and not is_never_negative(value - 1):
            self._add(SizeNeed("other", value, guards, f"`/` divides by {value}, which is 0", span))

    def _add(self, need: SizeNeed) -> None:
        self.found.setdefault((need.kind, need.value, need.turns), need)


def _places(step: Instruction) -> Iterator[Place]:
    yield from step.targets()
    yield from step.passed()
    for value in step.values():
        yield from (node.place for node in walk(value) if isinstance(node, Read))


def _divided(step: Instruction) -> Iterator[Dim]:
    """Yield the axes of what an instruction's nets give, which a stride may have divided."""
    for value in step.values():
        for node in walk(value):
            if isinstance(node, NetCall):
                yield from node.shape


def divisors(step: Instruction) -> Iterator[Dim]:
    """Yield the dims that an instruction's values divide by."""
    for value in step.values():
        for node in walk(value):
            if isinstance(node, Elementwise) and node.function == "div":
                below = node.args[1]
                if isinstance(below, Number) and isinstance(below.value, Dim):
                    yield below.value


def index_needs(place: Place, shape: Shape) -> Iterator[tuple[Dim, str]]:
    """Yield what must be at least 0 for an index to lie in a shape, and what is wrong if not.

    A slice may hold nothing: one of the steps before, say, has none of the first.
    """
    for item, axis in zip(place.index, shape, strict=True):
        if isinstance(item, At):
            text = f"{item.position} is not within 0..{axis - 1}"
            yield item.position, text
            yield axis - 1 - item.position, text
            continue
        high = axis if item.hi is None else item.hi
        yield item.lo, f"{item.lo} is not within 0..{axis}"
        yield axis - item.lo, f"{item.lo} is not within 0..{axis}"
        yield high - item.lo, f"{high} is not within {item.lo}..{axis}"
        yield axis - high, f"{high} is not within {item.lo}..{axis}"


def _advance(step: Instruction, env: Env) -> None:
    step.step(env)
    if isinstance(step, Let):
        env[step.name] = RegType(numerics=FLOAT, shape=step.value.shape)
