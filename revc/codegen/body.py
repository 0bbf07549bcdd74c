"""What the forward lowering and the VJP lowering of a block share."""

import keyword
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
from torch.fx import Graph, Node

from revc.codegen import places
from revc.codegen.call_places import Places
from revc.codegen.elementwise import is_tensor
from revc.codegen.expressions import Emitter, decoded
from revc.codegen.holds import Holds
from revc.codegen.interface import Names, sizes_of, tail_names
from revc.codegen.lowered import GRAPH_NAMES, Lowered
from revc.codegen.metering import Exchanging
from revc.codegen.options import Asked, Options
from revc.codegen.registers import Registers
from revc.codegen.reuse import finish
from revc.codegen.tape import Tape
from revc.codegen.targets.base import Pieces, Target
from revc.codegen.targets.eager import EAGER
from revc.codegen.targets.traced import TRACED
from revc.errors import InternalError
from revc.ir.expr import Expr, Place
from revc.ir.instructions import Env, Instruction, forgets
from revc.ir.keys import key
from revc.ir.program import Block
from revc.ir.types import Label, Numerics, RegType
from revc.runtime.state import alloc_health

if TYPE_CHECKING:
    from revc.codegen.library import Library


def asked_givens(block: Block, asked: Asked) -> dict[str, bool]:
    """Return whether the cotangents of a block's givens may be wanted, by name."""
    flags = (True,) * len(block.givens) if asked is None else asked
    return {given.name: flag for given, flag in zip(block.givens, flags, strict=True)}


class Body:
    """A block's graph under construction; subclasses say which way it runs."""

    def __init__(
        self, block: Block, library: "Library", options: Options, asked: Asked = None
    ) -> None:
        self.block, self.library, self.options = block, library, options
        self._asked = asked_givens(block, asked)
        self.target: Target = TRACED if options.traced else EAGER
        self.graph = Graph()
        self.names = Names(self.graph)
        self.types: Env = {}
        self.nets: list[Node] = []
        self.sizes: dict[str, Node] = {}
        self.givens: dict[str, Node] = {}
        self.given_types: dict[str, RegType] = {r.name: r.type for r in block.givens}
        self.modules: dict[str, torch.nn.Module] = {}
        self._called: dict[int, str] = {}
        self.places = Places()
        self.holds = Holds(block, options.keep)

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
        taken = tail_names(self.metered, forgets(self.block), bool(self.options.keep))
        mode = dict(zip(taken, self.names.all(taken), strict=True))
        mode["dtype"].meta["mode"] = True
        self.dtype, self.low, self.device = mode["dtype"], mode["low"], mode["device"]
        if self.metered:
            self.bits, self.lengths, self.sites = mode["bits"], mode["lengths"], mode["sites"]
        if forgets(self.block):
            self.forgotten = mode["forgotten"]
        if self.options.keep:
            self.kept = mode["kept"]
        self.health = mode["health"]
        self.tape = self.new_tape()
        self.state = Registers(self.tape, self.size)

    def finished(self, name: str) -> Lowered:
        """Return the graph, optimised, as a module called `name`."""
        return finish(self.modules, self.graph, name)

    @contextmanager
    def marking(self, step: Instruction) -> Iterator[None]:
        """Note the statement on every node that is appended, and the names on what they hold.

        An artifact's code shows them.
        """
        last = next(iter(reversed(self.graph.nodes)))
        self._name_held()
        self.places = Places(step)
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

    # --- sizes and callees -----------------------------------------------------------------------

    def size_names(self) -> tuple[str, ...]:
        """Return the free sizes that the graph takes."""
        return sizes_of(self.block)

    def size(self, name: str) -> Node:
        """Return the node of a free size or turn."""
        return self.sizes[name]

    def sizes_for(self, callee: Block, index: str | None = None) -> list[Node]:
        """Return the sizes and turns that a callee takes; a loop adds its own turn itself."""
        names = (*sizes_of(callee), *callee.turns)
        return [self.sizes[name] for name in names if name != index]

    def tail(self, callee: Block, options: Options) -> list[Node]:
        """Return the arguments that a callee takes last, which is lowered with `options`."""
        bits = [self.bits, self.lengths, self.sites] if self.library.metered(callee) else []
        kept = [self.forgotten] if forgets(callee) else []
        kept += [self.kept] if options.keep else []
        return [self.dtype, self.low, self.device, *bits, *kept, self.health]

    def module(self, wish: str, module: torch.nn.Module) -> str:
        """Add a submodule under a readable unique name, or return the name that it has."""
        if known := self._called.get(id(module)):
            return known
        if wish.startswith("_") or wish in GRAPH_NAMES or keyword.iskeyword(wish):
            wish = f"block_{wish.strip('_')}"
        name, count = wish, 1
        while name in self.modules:
            count += 1
            name = f"{wish}_{count}"
        self.modules[name] = module
        self._called[id(module)] = name
        return name

    # --- places ----------------------------------------------------------------------------------

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

    def site(self, step: Exchanging) -> int:
        """Return the number of a statement in the table of sites."""
        return self.library.site(step, self.types)

    def replace(self, target: Place, fresh: Node) -> None:
        """Put new values into a place."""
        self.target.replace(self, self.state, target, fresh)

    # --- values ----------------------------------------------------------------------------------

    def new_tape(self) -> Tape:
        """Return a tape on this graph with nothing on it."""
        return Tape(self.graph, self.dtype, self.low)

    def effect(self, function: Any, *args: Any, **kwargs: Any) -> Node:
        """Append a call that changes its first argument."""
        node = self.tape.call(function, *args, **kwargs)
        node.meta["effect"] = True
        return node

    def value(self, value: Expr, pieces: Pieces | None = None) -> Node:
        """Evaluate an expression; a plain number becomes a 0-dim tensor."""
        return self.target.value(self, value, pieces)

    def floats(self, name: str, raw: Node) -> Node:
        """Return the floats that raw values of a register stand for."""
        return decoded(self.tape, raw, self.types[name].numerics)

    def tensor(self, value: Any) -> Node:
        """Return a node of a tensor: numbers become 0-dim tensors."""
        if is_tensor(value):
            node: Node = value
            return node
        return self.tape.call(alloc_health.scalar, value, self.device)

    def emitter(self, tape: Tape, pieces: Pieces | None = None) -> Emitter:
        """Return an emitter of this block's expressions; `pieces` replace places by key."""

        def raw(place: Place) -> tuple[Node, Numerics]:
            node, numerics = self.raw(place)
            known = (pieces or {}).get(key(place))
            return (node if known is None else known), numerics

        net, hold = self.nets.__getitem__, self.holds.evaluation(pieces is not None)
        return Emitter(
            tape,
            self.block.nets,
            raw,
            self.size,
            net,
            asked=self.asked,
            hold=hold,
            place=self.places.next,
            masks=self._masks,
            handed=self.target.handed,
        )

    def _masks(self, place: Place) -> bool:
        """Say whether a place is of a given of two labels, which may be booleans."""
        known = self.given_types.get(place.name) if place.name not in self.state else None
        kind = None if known is None else known.numerics
        return isinstance(kind, Label) and kind.size.integer == 2

    def asked(self, place: Place) -> bool:
        """Say whether the cotangent of a place may be wanted in a VJP graph of this block.

        That of a register or a let may always be; that of a given if the caller says so.
        """
        return self._asked.get(place.name, True)
