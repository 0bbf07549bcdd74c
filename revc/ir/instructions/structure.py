"""Block calls and ``repeat``: programs of programs.

The inverse of a call runs the callee backwards; that of a repeat takes the turns in the other
order. VJPs follow the same way.
"""

from collections.abc import Mapping
from typing import Literal

from revc.errors import InternalError
from revc.ir.dims import Dim
from revc.ir.expr import Place
from revc.ir.instructions.base import Env, Instruction, live
from revc.ir.program import Block


class BlockCall(Instruction):
    """Run `block` on registers `args` (one for each it takes), leaving its results in `results`.

    `givens` name what the callee's givens read. `nets[i]` is the caller's slot for the callee's
    slot i. With `undo` the callee runs backwards: `args` are then what it gives. `prefix` goes
    before the names of what it emits.
    """

    kind: Literal["call"] = "call"
    label: str
    block: Block
    undo: bool = False
    args: tuple[str, ...]
    results: tuple[str, ...]
    givens: tuple[Place, ...]
    nets: tuple[int, ...]
    prefix: str = ""

    def step(self, env: Env) -> None:
        """Consume the arguments, produce the results.

        Raises:
            InternalError: an argument is not live, or not of the type that the block takes.
        """
        takes, gives = self.block.takes, self.block.gives
        if self.undo:
            takes, gives = gives, takes
        for name, register in zip(self.args, takes, strict=True):
            if live(env, name) != register.type:
                raise InternalError(f"{self.label}: {name} is {env[name]}, not {register.type}")
            del env[name]
        env.update({n: r.type for n, r in zip(self.results, gives, strict=True)})

    def inverse(self) -> "BlockCall":
        """Run the block the other way."""
        update = {"undo": not self.undo, "args": self.results, "results": self.args}
        return self.replace(**update)

    def targets(self) -> tuple[Place, ...]:
        """Return the registers that the block works on."""
        names = dict.fromkeys((*self.args, *self.results))
        return tuple(Place(span=self.span, name=name) for name in names)

    def inner(self) -> tuple[Block, ...]:
        """Return the callee."""
        return (self.block,)

    def called(self) -> tuple[Block, ...]:
        """Return the callee."""
        return (self.block,)

    def backwards(self) -> bool:
        """Say whether it is an ``uncall``."""
        return self.undo

    def with_inner(self, blocks: tuple[Block, ...]) -> "BlockCall":
        """Call another block."""
        return self.replace(block=blocks[0])

    def rows(self) -> tuple[tuple[int, ...], ...]:
        """Return the slots for the callee's, one row."""
        return (self.nets,)

    def prefixes(self) -> tuple[str, ...]:
        """Return the call's label."""
        return (self.label,)

    def renumbered(self, where: Mapping[int, int]) -> "BlockCall":
        """Pass other slots."""
        return self.replace(nets=tuple(where[slot] for slot in self.nets))

    def passed(self) -> tuple[Place, ...]:
        """Return what the callee's givens read."""
        return self.givens


class Repeat(Instruction):
    """Run `body` `count` times on `registers`, which it takes and gives in place.

    `nets[t]` maps the body's slots for turn t; a shared repeat, whose count may be free, has one
    row for all turns. Turn t is `index` in the body's places; `reversed` goes from the last to the
    first. `givens` are passed to the body under their own names.
    """

    kind: Literal["repeat"] = "repeat"
    label: str
    body: Block
    count: Dim
    index: str | None
    reversed: bool
    share: bool
    registers: tuple[str, ...]
    givens: tuple[str, ...]
    nets: tuple[tuple[int, ...], ...]

    def step(self, env: Env) -> None:
        """Leave the registers' types as they are.

        Raises:
            InternalError: a register is not live, or not of the type that the body takes.
        """
        for name, register in zip(self.registers, self.body.takes, strict=True):
            if live(env, name) != register.type:
                raise InternalError(f"{self.label}: {name} is {env[name]}, not {register.type}")

    def inverse(self) -> "Repeat":
        """Run the inverse body, in the other order of turns."""
        return self.replace(body=self.body.inverse(), reversed=not self.reversed)

    def targets(self) -> tuple[Place, ...]:
        """Return the registers that the body works on."""
        return tuple(Place(span=self.span, name=name) for name in self.registers)

    def inner(self) -> tuple[Block, ...]:
        """Return the body."""
        return (self.body,)

    def times(self) -> Dim:
        """Return the number of turns."""
        return self.count

    def turn(self) -> str | None:
        """Return the index, if it has a name."""
        return self.index

    def with_inner(self, blocks: tuple[Block, ...]) -> "Repeat":
        """Repeat another body."""
        return self.replace(body=blocks[0])

    def rows(self) -> tuple[tuple[int, ...], ...]:
        """Return the slots for the body's, a row a turn, or one for all."""
        return self.nets

    def prefixes(self) -> tuple[str, ...]:
        """Return the label with the number of each turn, or the label where turns share."""
        if self.share:
            return (self.label,) * len(self.nets)
        return tuple(f"{self.label}.{turn}" for turn in range(len(self.nets)))

    def renumbered(self, where: Mapping[int, int]) -> "Repeat":
        """Pass other slots."""
        rows = tuple(tuple(where[slot] for slot in row) for row in self.nets)
        return self.replace(nets=rows)

    def passed(self) -> tuple[Place, ...]:
        """Return the places that are passed on under their own names."""
        return tuple(Place(span=self.span, name=name) for name in self.givens)
