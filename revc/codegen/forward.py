"""A block's forward graph; the inverse graph is that of the inverse block."""

from typing import TYPE_CHECKING, Any

import torch
from torch.fx import GraphModule, Node

from revc.codegen import places
from revc.codegen.body import Body, Options, brought_nets, place_keys
from revc.codegen.expressions import Cotangents, dim_value, int_value
from revc.codegen.interface import emits_of
from revc.codegen.reuse import finish, is_fresh
from revc.codegen.statements.apply import apply
from revc.codegen.statements.mix import mix
from revc.codegen.statements.put_draw import exchange
from revc.codegen.statements.scale import scale
from revc.codegen.statements.valve import valve
from revc.ir.dims import Dim
from revc.ir.expr import Expr, Number, Place
from revc.ir.instructions import Apply, BlockCall, Mix, Repeat, Scale, Valve
from revc.ir.instructions.metered import Coded
from revc.ir.program import Block
from revc.ir.types import Label, Lattice, RegType
from revc.runtime import lattice, leaves, memory, traced

if TYPE_CHECKING:
    from revc.codegen.library import Library

aten = torch.ops.aten
__all__ = ["Cotangents", "Forward"]


class Forward(Body):
    """Lowers the instructions of a block in order; see `interface` for what goes in and out."""

    def __init__(self, block: Block, library: "Library", options: Options) -> None:
        super().__init__(block, library, options)
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
        self.graph.output((*state, *emits, self.health))
        return finish(self.modules, self.graph, self.block.name)

    def run(self) -> None:
        """Lower the body."""
        for step in self.block.body:
            with self.marking(step):
                step.lower(self)
            step.step(self.types)

    def held(self) -> dict[str, Node]:
        """Return the nodes of what has a name at this point, emitted values included."""
        return {**super().held(), **self.emitted}

    # --- increments ------------------------------------------------------------------------------

    def add(self, target: Place, sign: int, value: Expr) -> None:
        """Add an increment, in pieces if asked for."""
        cut = self.cut_places(target, value)
        if cut is None:
            view = self.raw(target)[0]
            self._update(target, sign, self.fitting(target, value, view), view)
            return
        views, reads = self.pieces(target, value, cut)
        changed = []
        for piece, read in zip(views, reads, strict=True):
            node = self.fitting(target, value, piece, read)
            changed.append(self._apply(target, sign, node, piece))
        if self.options.traced:
            self._write(target, self.tape.call(aten.cat.default, changed, 0))

    def pieces(
        self, target: Place, value: Expr, cut: frozenset[str]
    ) -> tuple[list[Node], list[dict[str, Node]]]:
        """Return the batch pieces of the target and of what the value reads."""
        reads: list[dict[str, Node]] = [{} for _ in range(self.options.chunks)]
        for key, place in place_keys(value).items():
            if key in cut:
                for index, node in enumerate(self.cut(self.raw(place)[0])):
                    reads[index][key] = node
        return self.cut(self.raw(target)[0]), reads

    def cut(self, node: Node) -> list[Node]:
        """Return the pieces of a node along the batch."""
        whole = self.tape.call(aten.tensor_split.sections, node, self.options.chunks, 0)
        return [self.tape.item(whole, index) for index in range(self.options.chunks)]

    def value(self, value: Expr, pieces: dict[str, Node] | None = None) -> Node:
        """Evaluate an increment; a plain number becomes a 0-dim tensor."""
        if self.options.traced and not brought_nets(value, self.block):
            region = self.library.region(value, self)
            return region.forward(self, pieces)
        node = self.emitter(self.new_tape(), pieces).emit(value)
        return self.tensor(node)

    def fitting(
        self, target: Place, value: Expr, view: Node, pieces: dict[str, Node] | None = None
    ) -> Node:
        """Evaluate an increment; one that brought nets make is checked against the target."""
        node = self.value(value, pieces)
        brought = brought_nets(value, self.block)
        if not brought or value.shape != view_shape(self.types[target.name], target):
            return node
        return self.tape.call(leaves.check_shape, node, view, brought[0])

    def tensor(self, value: Any) -> Node:
        """Return a node of a tensor: numbers become 0-dim tensors."""
        if isinstance(value, Node) and not value.meta.get("number"):
            return value
        return self.tape.call(memory.scalar, value, self.device)

    def _update(self, target: Place, sign: int, value: Node, node: Node) -> None:
        changed = self._apply(target, sign, value, node)
        if self.options.traced:
            self._write(target, changed)

    def _apply(self, target: Place, sign: int, value: Node, node: Node) -> Node:
        """Add to a view of the target; return the changed view (itself, in eager graphs)."""
        numerics = self.types[target.name].numerics
        call = self.tape.call
        if isinstance(numerics, Label):
            size = int_value(self.tape, numerics.size, self.size)
            return self.effect(lattice.add_label_, node, value, sign, size)
        if not isinstance(numerics, Lattice):
            function = aten.add.Tensor if self.options.traced else aten.add_.Tensor
            return self.effect(function, node, value, alpha=sign)
        bits = numerics.fraction_bits
        if self.options.traced:
            both = call(traced.update, node, value, sign, bits, self.health)
            self.health = self.tape.item(both, 1)
            return self.tape.item(both, 0)
        self.health = call(memory.watch, value, bits, numerics.width, self.health)
        return self.effect(lattice.add_, node, value, sign, bits)

    def effect(self, function: Any, *args: Any, **kwargs: Any) -> Node:
        """Append a call that changes its first argument."""
        node = self.tape.call(function, *args, **kwargs)
        node.meta["effect"] = True
        return node

    def _write(self, target: Place, part: Node) -> None:
        whole = self.state[target.name]
        if not places.is_whole(target):
            part = places.scatter(self.tape, whole, part, target, self.size)
        self.state[target.name] = part

    def replace(self, target: Place, fresh: Node) -> None:
        """Put new values into a place: written where it lies, if it is a part of a register."""
        if self.options.traced or places.is_whole(target):
            self._write(target, fresh)
        else:
            self.effect(aten.copy_.default, self.raw(target)[0], fresh)

    def negate(self, target: Place) -> None:
        """Negate in place."""
        node = self.raw(target)[0]
        if self.options.traced:
            self._write(target, self.tape.call(aten.neg.default, node))
        else:
            self.effect(aten.neg_.default, node)

    # --- bits ------------------------------------------------------------------------------------

    def exchange(self, step: Coded) -> None:
        """Push a register, or pop one."""
        exchange(self, step)

    def valve(self, step: Valve) -> None:
        """Reset a slot, or undo that."""
        valve(self, step)

    def scale(self, step: Scale) -> None:
        """Multiply or divide."""
        scale(self, step)

    def apply(self, step: Apply) -> None:
        """Apply a named bijection, or undo it."""
        apply(self, step)

    def mix(self, step: Mix) -> None:
        """Multiply the last axis by a matrix, or its inverse."""
        mix(self, step)

    # --- reads -----------------------------------------------------------------------------------

    def let(self, name: str, value: Expr) -> None:
        """Keep a value under its name."""
        self.givens[name] = self.value(value)
        self.given_types[name] = let_type(value)

    def emit(self, name: str, value: Expr) -> None:
        """Hand a value out; a copy, if it shares memory with a register that may change."""
        node = self.value(value)
        fresh = is_fresh(node) or node.op == "call_module"
        self.emitted[name] = node if fresh else self.tape.call(aten.clone.default, node)

    # --- registers -------------------------------------------------------------------------------

    def swap(self, left: str, right: str) -> None:
        """Exchange two registers."""
        self.state.swap(left, right)

    def split(self, source: str, parts: tuple[str, ...], axis: int) -> None:
        """Cut a register."""
        self.state.split(source, parts, axis)

    def join(self, parts: tuple[str, ...], target: str, axis: int) -> None:
        """Concatenate registers."""
        self.state.join(parts, target, axis)

    def permute(self, target: str, order: tuple[int, ...]) -> None:
        """Reorder a register's axes."""
        self.state.permute(target, order)

    def reshape(self, target: str, shape: tuple[Dim, ...]) -> None:
        """Give a register another shape."""
        self.state.reshape(target, shape)

    def squeeze(self, target: str, factor: int, undo: bool) -> None:
        """Move pixels into channels, or back."""
        self.state.squeeze(target, factor, undo)

    def alloc(self, name: str, kind: RegType, value: Expr) -> None:
        """Make a register."""
        self.state[name] = self.filled(kind, value)

    def free(self, name: str, kind: RegType, value: Expr) -> None:
        """Check and drop a register."""
        self.checked(self.state.pop(name), kind, value)

    def checked(self, node: Node, kind: RegType, value: Expr) -> None:
        """Count in the health where a register is not `value`; float state only comes near it."""
        if kind.numerics.kind != "float32":
            expected = self.filled(kind, value)
            self.health = self.tape.call(memory.check, node, expected, self.health)

    def filled(self, kind: RegType, value: Expr) -> Node:
        """Return a new register of a type that holds `value`."""
        shape = [int_value(self.tape, dim, self.size) for dim in kind.shape]
        if isinstance(value, Number):
            number = value.value
            if isinstance(number, Dim):
                number = dim_value(self.tape, number, self.size)
            return self._constant(kind, shape, number)
        held = self.tape.call(aten.expand.default, self.value(value), shape)
        if isinstance(kind.numerics, Lattice):
            bits, width = kind.numerics.fraction_bits, kind.numerics.width
            return self.tape.call(lattice.encode, held, bits, width)
        return self.tape.call(aten.clone.default, held)

    def _constant(self, kind: RegType, shape: list[Any], number: Any) -> Node:
        if isinstance(kind.numerics, Lattice):
            bits, width = kind.numerics.fraction_bits, kind.numerics.width
            return self.tape.call(memory.fill, shape, number, bits, width, self.device)
        dtype = torch.int64 if isinstance(kind.numerics, Label) else torch.float32
        return self.tape.call(memory.fill_plain, shape, number, dtype, self.device)

    # --- structure -------------------------------------------------------------------------------

    def call(self, step: BlockCall) -> None:
        """Call a block's graph."""
        callee = self.library.oriented(step.block, step.undo)
        name = self.module(step.block.name, self.library.forward(callee, self.options))
        args = [self.state.pop(arg) for arg in step.args]
        args += [self.raw(place)[0] for place in step.givens]
        args += [self.nets[slot] for slot in step.nets]
        self.take(name, [*args, *self.sizes_for(callee), *self.tail(callee)], step.results, callee)

    def take(
        self, name: str, args: list[Any], results: tuple[str, ...], callee: Block
    ) -> list[Node]:
        """Call a submodule and take registers, emits and health from what it returns."""
        out = self.graph.call_module(name, tuple(args))
        emits = emits_of(callee)
        nodes = [self.tape.item(out, i) for i in range(len(results) + len(emits) + 1)]
        self.state.update(zip(results, nodes, strict=False))
        self.emitted.update(zip(emits, nodes[len(results) :], strict=False))
        self.health = nodes[len(results) + len(emits)]
        return [out, *nodes]

    def repeat(self, step: Repeat) -> None:
        """Call a loop over the body's graph."""
        self.loop(step, checked=False)

    def loop(self, step: Repeat, checked: bool) -> tuple[Node, int]:
        """Call a loop; return its result's node and how many of its items are taken."""
        module = self.library.forward_loop(step, self.options, checked)
        name = self.module(step.label, module)
        args: list[Any] = [int_value(self.tape, step.count, self.size)]
        args += [self.state[register] for register in step.registers]
        args += [self.whole(given)[0] for given in step.givens]
        args += [self.nets[slot] for slot in used_slots(step)]
        args += [*self.sizes_for(step.body, step.index), *self.tail(step.body)]
        out, *items = self.take(name, args, step.registers, step.body)
        return out, len(items)

    def sizes_for(self, callee: Block, index: str | None = None) -> list[Node]:
        """Return the sizes and turns that a callee takes; a loop adds its own turn itself."""
        return self.library.size_arguments(callee, index, self.sizes)


def view_shape(kind: RegType, place: Place) -> tuple[Any, ...]:
    """Return the shape of a place of a register of type `kind`."""
    if not place.index:
        return kind.shape
    shape = []
    for dim, item in zip(kind.shape, place.index, strict=True):
        if item.kind == "slice":
            shape.append((dim if item.hi is None else item.hi) - item.lo)
    return tuple(shape)


def let_type(value: Expr) -> RegType:
    """Return the type of a let: plain floats."""
    from revc.ir.types import Float

    return RegType(numerics=Float(), shape=value.shape)


def used_slots(step: Repeat) -> list[int]:
    """Return the caller's slots that any turn uses, in order, each once."""
    return sorted({slot for row in step.nets for slot in row})
