"""What the forward lowering and the VJP lowering of a block share."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch.fx import Graph, Node

from revc.codegen import places
from revc.codegen.expressions import Emitter, decoded
from revc.codegen.interface import METERED, MODE, Names, sizes_of
from revc.codegen.metering import Exchanging
from revc.codegen.registers import Registers
from revc.codegen.tape import Tape
from revc.errors import InternalError
from revc.ir.expr import Expr, Place, Read, slots, walk
from revc.ir.instructions import Env, Instruction
from revc.ir.nets import Builtin
from revc.ir.program import Block
from revc.ir.types import Numerics, RegType
from revc.passes.separable import batch_places

if TYPE_CHECKING:
    from revc.codegen.library import Library


@dataclass(frozen=True)
class Options:
    """How to lower.

    `chunks` pieces along the batch; `traced` for torch.compile; `measured` with code lengths.
    """

    chunks: int = 1
    traced: bool = False
    measured: bool = True


class Body:
    """A block's graph under construction; subclasses say which way it runs."""

    def __init__(self, block: Block, library: "Library", options: Options) -> None:
        self.block, self.library, self.options = block, library, options
        self.graph = Graph()
        self.names = Names(self.graph)
        self.types: Env = {}
        self.nets: list[Node] = []
        self.sizes: dict[str, Node] = {}
        self.givens: dict[str, Node] = {}
        self.given_types: dict[str, RegType] = {r.name: r.type for r in block.givens}
        self.modules: dict[str, torch.nn.Module] = {}

    def open_tail(self) -> None:
        """Append the placeholders of nets, sizes, turns and mode, and make the tape."""
        self.nets = self.names.all(slot.name for slot in self.block.nets)
        for node, slot in zip(self.nets, self.block.nets, strict=True):
            node.meta["slot"] = slot
        names = (*self.size_names(), *self.block.turns)
        self.sizes = dict(zip(names, self.names.all(names), strict=True))
        for node in self.sizes.values():
            node.meta["number"] = True
        self.metered = self.library.metered(self.block)
        taken = METERED if self.metered else MODE
        mode = dict(zip(taken, self.names.all(taken), strict=True))
        mode["dtype"].meta["mode"] = True
        self.dtype, self.low, self.device = mode["dtype"], mode["low"], mode["device"]
        if self.metered:
            self.bits, self.lengths, self.sites = mode["bits"], mode["lengths"], mode["sites"]
        self.health = mode["health"]
        self.tape = self.new_tape()
        self.state = Registers(self.tape, self.size)

    @contextmanager
    def marking(self, step: Instruction) -> Iterator[None]:
        """Note the statement on every node that is appended, and the names on what they hold.

        An artifact's code shows them.
        """
        last = next(iter(reversed(self.graph.nodes)))
        self._name_held()
        yield
        self._name_held()
        for node in reversed(self.graph.nodes):
            if node is last:
                return
            node.meta["step"] = step

    def _name_held(self) -> None:
        for name, node in self.held().items():
            node.meta.setdefault("hint", name)

    def held(self) -> dict[str, Node]:
        """Return the nodes of what has a name at this point of the program."""
        return {**self.givens, **self.state, "health": self.health}

    def size_names(self) -> tuple[str, ...]:
        """Return the free sizes that the graph takes."""
        return sizes_of(self.block)

    def new_tape(self) -> Tape:
        """Return a tape on this graph with nothing on it."""
        return Tape(self.graph, self.dtype, self.low)

    def size(self, name: str) -> Node:
        """Return the node of a free size or turn."""
        return self.sizes[name]

    def tail(self, callee: Block) -> list[Node]:
        """Return the arguments that a callee takes last."""
        bits = [self.bits, self.lengths, self.sites] if self.library.metered(callee) else []
        return [self.dtype, self.low, self.device, *bits, self.health]

    def whole(self, name: str) -> tuple[Node, Numerics]:
        """Return the node of a register, a given or a let, and how it is held.

        Raises:
            InternalError: there is no such value.
        """
        if name in self.state:
            return self.state[name], self.types[name].numerics
        if name in self.givens:
            return self.givens[name], self.given_types[name].numerics
        raise InternalError(f"{self.block.name}: nothing is called {name!r}")

    def raw(self, place: Place) -> tuple[Node, Numerics]:
        """Return the node of a place, a view, and how it is held."""
        node, numerics = self.whole(place.name)
        return places.view(self.tape, node, place, self.size), numerics

    def floats(self, name: str, raw: Node) -> Node:
        """Return the floats that raw values of a register stand for."""
        return decoded(self.tape, raw, self.types[name].numerics)

    def site(self, step: Exchanging) -> int:
        """Return the number of a statement in the table of sites."""
        return self.library.site(step, self.types)

    def emitter(self, tape: Tape, pieces: dict[str, Node] | None = None) -> Emitter:
        """Return an emitter of this block's expressions; `pieces` replace places by key."""

        def raw(place: Place) -> tuple[Node, Numerics]:
            node, numerics = self.raw(place)
            known = (pieces or {}).get(place.model_dump_json())
            return (node if known is None else known), numerics

        return Emitter(tape, self.block.nets, raw, self.size, lambda slot: self.nets[slot])

    def cut_places(self, target: Place, value: Expr) -> frozenset[str] | None:
        """Return which reads of an increment are cut along the batch, None if it runs whole."""
        if self.options.chunks == 1:
            return None
        shape = self.types[target.name].shape
        return batch_places(value, target, shape, self.block.nets)

    def module(self, wish: str, module: torch.nn.Module) -> str:
        """Add a submodule under a readable unique name, or return the name that it has."""
        for name, known in self.modules.items():
            if known is module:
                return name
        name, count = wish, 1
        while name in self.modules:
            count += 1
            name = f"{wish}_{count}"
        self.modules[name] = module
        return name


def brought_nets(value: Expr, block: Block) -> list[str]:
    """Return the names of the nets brought from Python that an expression calls."""
    called = (block.nets[slot] for slot in slots(value))
    return [slot.name for slot in called if not isinstance(slot.source, Builtin)]


def place_keys(value: Expr) -> dict[str, Place]:
    """Return the places that an expression reads, each once, by key."""
    found = (node.place for node in walk(value) if isinstance(node, Read))
    return {place.model_dump_json(): place for place in found}
