"""What is known of a place in a body: the types of its registers, and what stands there."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from revc.grammar.span import Span
from revc.ir.dims import Dim
from revc.ir.instructions import Env, Instruction, Let
from revc.ir.live_types import Typed, typed
from revc.ir.program import Block, in_order
from revc.ir.types import FLOAT, Lattice, Numerics, RegType
from revc.passes.checks import Checked
from revc.passes.elaborate.bodies import Specialised


@dataclass(frozen=True, eq=False)
class Body:
    """A block or model as it was elaborated, with its statements and the types around each.

    `steps` are those at any depth but in called blocks; inner ones come behind what holds them.
    """

    built: Specialised

    @cached_property
    def steps(self) -> tuple[Typed, ...]:
        """The statements, each with the types before and behind it."""
        return tuple(_own(self.built.block))

    def type_at(self, name: str, at: Span) -> RegType | None:
        """Return what `name` holds where it stands: before the statement, else behind it.

        None where it is nothing with a type there.
        """
        around = [one for one in self.steps if encloses(one[0].span, at)]
        for step, before, after in reversed(around):
            if isinstance(step, Let) and step.name == name:
                return RegType(numerics=FLOAT, shape=step.value.shape)
            if name in before or name in after:
                return before.get(name) or after.get(name)
        block = self.built.block
        held = {r.name: r.type for r in (*block.givens, *block.gives, *block.takes)}
        return held.get(name) or self._let(name, at)

    def _let(self, name: str, at: Span) -> RegType | None:
        """Return the type of a read of the last `let` of a name up to a place."""
        lets = [s for s, _, _ in self.steps if isinstance(s, Let) and s.name == name]
        before = [let for let in lets if let.span.line <= at.line]
        if not before:
            return None
        return RegType(numerics=FLOAT, shape=before[-1].value.shape)


def bodies(checked: Checked) -> tuple[Body, ...]:
    """Return the blocks and models of a pass that have been understood to their end."""
    whole = (one for one in checked.roots if one.complete)
    return tuple(map(Body, whole))


def _own(block: Block) -> Iterator[Typed]:
    def inside(one: tuple[Instruction, Env, Env]) -> tuple[Block, ...]:
        return () if one[0].called() else one[0].inner()

    return in_order(block, typed, inside)


def bits(kind: RegType) -> str:
    """Return how many bits a register takes: an element's, and all in all."""
    each = width(kind.numerics)
    total = Dim.of(each)
    for dim in kind.shape:
        total = total * dim
    return f"{each} bits an element, {total} bits in all"


def width(numerics: Numerics) -> int:
    """Return the bits that an element is held in."""
    if isinstance(numerics, Lattice):
        return numerics.width
    return 32 if numerics.kind == "float32" else 64


def encloses(outer: Span, inner: Span) -> bool:
    """Say whether a span holds another."""
    start, end = (outer.line, outer.column), (outer.end_line, outer.end_column)
    return start <= (inner.line, inner.column) and (inner.end_line, inner.end_column) <= end
