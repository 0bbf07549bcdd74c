"""A block's VJP graph: rebuild each input and pull the cotangents back, in one pass.

Each increment is evaluated once. Its value takes the state one step back; its VJP, from the same
evaluation, takes the cotangents.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from torch.fx import GraphModule, Node

from revc.codegen.gather import Gathering
from revc.codegen.interface import emits_of
from revc.codegen.options import Asked, Needs, Options
from revc.codegen.registers import Registers
from revc.codegen.statements import let
from revc.codegen.statements.table import pull
from revc.codegen.targets.base import Evaluation
from revc.codegen.uses import is_alone, used_once
from revc.ir.instructions import Env, Instruction, Let
from revc.ir.live_types import typed
from revc.ir.nets import Builtin
from revc.ir.program import Block
from revc.runtime import keeping

if TYPE_CHECKING:
    from revc.codegen.library import Library


class Pull(Gathering):
    """Lowers the instructions of a block last to first; `state` runs from output to input."""

    def __init__(
        self,
        block: Block,
        needs: Needs,
        library: "Library",
        options: Options,
        asked: Asked = None,
    ) -> None:
        super().__init__(block, library, options, asked)
        self.needs, self._known = needs, asked
        registers = self.names.all(r.name for r in block.gives)
        cots = self.names.all(f"d_{r.name}" for r in block.gives)
        givens = self.names.all(r.name for r in block.givens)
        self.givens = dict(zip((r.name for r in block.givens), givens, strict=True))
        given_cots = self.names.all(f"d_{r.name}" for r in block.givens)
        emits = emits_of(block)
        self.emit_cots = dict(zip(emits, self.names.all(f"d_{n}" for n in emits), strict=True))
        self.open_tail()
        self.cots = Registers(self.tape, self.size)
        self.given_cots = Registers(self.tape, self.size)
        self.state.update({r.name: n for r, n in zip(block.gives, registers, strict=True)})
        self.cots.update({r.name: n for r, n in zip(block.gives, cots, strict=True)})
        wants = zip(block.givens, given_cots, needs.givens, strict=True)
        self.given_cots.update({r.name: node for r, node, wanted in wants if wanted})
        self.params: dict[int, Any] = {}
        self.let_values: dict[str, Evaluation] = {}
        self.pending = {step.name: step for step in block.body if isinstance(step, Let)}
        if options.keep:
            self._take()

    def _take(self) -> None:
        """Take what the block's forward graph kept, in its order."""
        keys = self.library.forward(self.block, self.options, self._known).meta["kept"]
        frame = self.effect(keeping.take, self.kept)
        frame.meta["results"] = len(keys)
        for index, key in enumerate(keys):
            self.holds.nodes[key] = self.tape.item(frame, index)
        self.holds.taken = True

    def build(self) -> GraphModule:
        """Lower the body backwards and return the graph."""
        self.run()
        state = [self.state[r.name] for r in self.block.takes]
        cots = [self.cots[r.name] for r in self.block.takes]
        self.graph.output((*state, *cots, *self.other_cotangents(), self.health))
        return self.finished(f"{self.block.name}_vjp")

    def other_cotangents(self) -> list[Any]:
        """Return the cotangents of givens and nets, None for those that nobody wants."""
        givens = [self.given_cots.get(r.name) for r in self.block.givens]
        return [*givens, *(self.net_cotangents(slot) for slot in range(len(self.block.nets)))]

    def run(self) -> None:
        """Lower the body, last instruction first."""
        for index, (step, before, after) in reversed(list(enumerate(typed(self.block)))):
            with self.holds.at(index):
                self.step(step, before, after)

    def step(self, step: Instruction, before: Env, after: Env) -> None:
        """Lower one instruction, between the types before and after it."""
        self.types = after
        known = set(self.params)
        with self.marking(step):
            pull(self, step)
            self._hand(known)
        self.types = before

    def _hand(self, known: set[int]) -> None:
        """Hand over the gradients that a statement found, where no others are added to them."""
        for slot, parts in self.params.items():
            if slot not in known and isinstance(parts, list) and slot in used_once(self.block):
                self.params[slot] = self.target.hand(self, self.nets[slot], parts)

    def lent_net(self, slot: int, rows: Sequence[Sequence[int]], shared: bool = False) -> Node:
        """Return a net for a callee to pull through; see `is_alone`."""
        net, source = self.nets[slot], self.block.nets[slot].source
        if not isinstance(source, Builtin) or is_alone(self.block, slot, rows, shared):
            return net
        return self.target.unfed(self, net)

    def held(self) -> dict[str, Node]:
        """Return the nodes of what has a name at this point, cotangents included."""
        return {**super().held(), **{f"d_{name}": node for name, node in self.cots.items()}}

    def wants_net(self, slot: int) -> bool:
        """Say whether the parameters of a net want cotangents."""
        return self.needs.nets[slot]

    def whole(self, name: str) -> tuple[Node, Any]:
        """Return a value as `Body` does; a let is evaluated when its last use asks for it."""
        let.evaluated(self, name)
        return super().whole(name)

    def has_cotangent(self, name: str) -> bool:
        """Say whether a value that is passed as a given has a cotangent here."""
        let.evaluated(self, name)
        return self.cots_with(name) is not None
