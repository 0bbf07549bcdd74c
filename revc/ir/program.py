"""Programs: blocks of reversible instructions over linear registers.

A block's nets are *slots*. A call maps the callee's slots to slots of the caller, so a block's code
names no instance, and equal blocks share one graph. The model's slots, in program order, are the
net instances of the whole program.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Literal, TypeVar

from revc.ir.invert import invert_body
from revc.ir.memo import per_node
from revc.ir.nets import NetSlot
from revc.ir.schedule import INVERT, Schedule
from revc.ir.types import IRNode, Located, RegType

if TYPE_CHECKING:
    from revc.ir.instructions import Instruction

Item = TypeVar("Item")


class Register(Located):
    """A named register or given, with its type."""

    name: str
    type: RegType


class Block(Located):
    """A body with its interface; `takes` and `gives` may differ where registers are made or moved.

    `turns` are the turn indices of enclosing repeats that the body reads.
    """

    name: str
    takes: tuple[Register, ...]
    gives: tuple[Register, ...]
    givens: tuple[Register, ...]
    turns: tuple[str, ...]
    nets: tuple[NetSlot, ...]
    body: "tuple[Instruction, ...]"

    def instructions(self) -> "Iterator[Instruction]":
        """Yield the instructions at any depth in program order, those of an inner block once."""
        return in_order(self, lambda block: block.body, lambda step: step.inner())

    def own(self) -> "Iterator[Instruction]":
        """Yield what `instructions` does, without what is in blocks that are called."""

        def inside(step: "Instruction") -> tuple[Block, ...]:
            return () if step.called() else step.inner()

        return in_order(self, lambda block: block.body, inside)

    def walk(self) -> "Iterator[Block]":
        """Yield the block and those in it at any depth, each distinct one once, outer ones first.

        The inner blocks of a block come in program order.
        """
        seen, waiting = set[int](), [self]
        while waiting:
            block = waiting.pop()
            if id(block) in seen:
                continue
            seen.add(id(block))
            yield block
            waiting += reversed([inner for step in block.body for inner in step.inner()])

    def inner_first(self) -> "Iterator[Block]":
        """Yield what `walk` does, every block after all that are in it."""
        seen = {id(self)}
        path = [(self, _inner(self))]
        while path:
            block, rest = path[-1]
            inner = next((one for one in rest if id(one) not in seen), None)
            if inner is None:
                path.pop()
                yield block
            else:
                seen.add(id(inner))
                path.append((inner, _inner(inner)))

    @per_node
    def inverse(self) -> "Block":
        """Return the block that undoes this one: takes what it gives and gives what it takes."""
        body = invert_body(self.body)
        return self.replace(takes=self.gives, gives=self.takes, body=body)

    def map_inner(self, change: "Callable[[Block], Block]") -> "Block":
        """Return the block with ``change(inner)`` in place of every block directly in it."""
        body = tuple(_changed(step, change) for step in self.body)
        if all(new is old for new, old in zip(body, self.body, strict=True)):
            return self
        return self.replace(body=body)


def in_order(
    whole: Block,
    items: Callable[[Block], Iterable[Item]],
    inner: Callable[[Item], tuple[Block, ...]],
) -> Iterator[Item]:
    """Yield what `items` gives of a block and of those in it, behind the item that they are in.

    `inner` says which blocks are in an item; each distinct block is read once.
    """
    seen, open_bodies = {id(whole)}, [iter(items(whole))]
    while open_bodies:
        for item in open_bodies[-1]:
            yield item
            fresh = [block for block in inner(item) if id(block) not in seen]
            if fresh:
                seen.update(map(id, fresh))
                open_bodies += [iter(items(block)) for block in reversed(fresh)]
                break
        else:
            open_bodies.pop()


def _inner(block: Block) -> Iterator[Block]:
    return (inner for step in block.body for inner in step.inner())


def _changed(step: "Instruction", change: Callable[[Block], Block]) -> "Instruction":
    old = step.inner()
    new = tuple(change(block) for block in old)
    return step if all(a is b for a, b in zip(new, old, strict=True)) else step.with_inner(new)


class Budget(Located):
    """``budget net(LM.va) <= bound units``, its targets being dotted meter names."""

    meter: str
    targets: tuple[str, ...]
    bound: float
    units: tuple[str, ...]


class MemoryBound(Located):
    """``budget memory <= 512 MiB``: `size` bytes."""

    size: int


class StackDecl(Located):
    """``reservoir e(seed = 1, bits = 64000)`` or ``tape t``; `bits` is what a sequence may draw."""

    name: str
    kind: Literal["tape", "reservoir"]
    seed: int | None = None
    bits: int | None = None


class Program(IRNode):
    """One model, names resolved: `dims` are the bound ones, `free` come from the inputs' shapes."""

    model: Block
    dims: dict[str, int]
    free: tuple[str, ...]
    budgets: tuple[Budget, ...]
    stacks: tuple[StackDecl, ...] = ()
    schedule: Schedule = (INVERT,)
    memory: MemoryBound | None = None
