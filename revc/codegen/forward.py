"""A block's forward graph; the inverse graph is that of the inverse block."""

from typing import TYPE_CHECKING

from torch.fx import GraphModule, Node

from revc.codegen.body import Body
from revc.codegen.interface import emits_of
from revc.codegen.options import Asked, Options
from revc.codegen.statements.table import lower
from revc.ir.instructions import Instruction
from revc.ir.program import Block
from revc.runtime import keeping

if TYPE_CHECKING:
    from revc.codegen.library import Library


class Forward(Body):
    """Lowers the instructions of a block in order; see `interface` for what goes in and out.

    `sizes` are the free sizes that the graph takes, if they are not those that the block needs.
    """

    def __init__(
        self,
        block: Block,
        library: "Library",
        options: Options,
        asked: Asked = None,
        sizes: tuple[str, ...] | None = None,
    ) -> None:
        super().__init__(block, library, options, asked)
        self._size_names = sizes
        registers = self.names.all(r.name for r in block.takes)
        givens = self.names.all(r.name for r in block.givens)
        self.givens = dict(zip((r.name for r in block.givens), givens, strict=True))
        self.open_tail()
        self.state.update({r.name: n for r, n in zip(block.takes, registers, strict=True)})
        self.types = {r.name: r.type for r in block.takes}
        self.emitted: dict[str, Node] = {}

    def build(self) -> GraphModule:
        """Lower the body and return the graph."""
        self.run()
        state = [self.state[r.name] for r in self.block.gives]
        emits = [self.emitted[name] for name in emits_of(self.block)]
        keys = self.holds.order()
        if self.options.keep:
            self.effect(keeping.put, self.kept, *(self.holds.nodes[key] for key in keys))
        self.graph.output((*state, *emits, self.health))
        made = self.finished(self.block.name)
        made.meta["kept"] = keys
        return made

    def run(self) -> None:
        """Lower the body."""
        for index, step in enumerate(self.block.body):
            with self.holds.at(index):
                self.step(step)

    def size_names(self) -> tuple[str, ...]:
        """Return the free sizes that the graph takes."""
        return super().size_names() if self._size_names is None else self._size_names

    def step(self, step: Instruction) -> None:
        """Lower one instruction."""
        with self.marking(step):
            lower(self, step)
        step.step(self.types)

    def held(self) -> dict[str, Node]:
        """Return the nodes of what has a name at this point, emitted values included."""
        return {**super().held(), **self.emitted}
