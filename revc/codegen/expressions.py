"""Emission of an expression onto a tape: the one place where a value's code is made.

The forward graph, the inverse and the VJP all emit an increment through `Emitter`, from the same
reads in the same order, so that its bits are the same in all of them.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from math import lcm
from typing import Any

import torch
from torch.fx import Node

from revc.codegen import builtins, ops
from revc.codegen.elementwise import binary, is_tensor, numbers, unary
from revc.codegen.tape import Tape
from revc.ir.dims import Dim
from revc.ir.expr import Elementwise, Expr, NetCall, Number, Place, Read
from revc.ir.keys import Key, key
from revc.ir.net_kinds import net_code, parameter_names, sizes_of
from revc.ir.nets import Builtin, NetSlot, Replaced
from revc.ir.types import Lattice, Numerics
from revc.runtime.nets import brought, tensor_ops
from revc.runtime.state import lattice

aten = torch.ops.aten
ARITHMETIC = ("add", "sub", "mul", "div")


@dataclass
class Emitter:
    """Emits expressions of one block.

    `raw(place)` returns the node of a place as it is held, and its numerics; `size(name)` the node
    of a size or turn; `net(slot)` the node of a slot's parameters, a tuple. `wanted(leaf)` says
    whether a leaf wants a cotangent in this graph, `asked(place)` whether it might in a VJP graph:
    forward and VJP graph of a block have the same answer. `hold(slot, name, node)` gives what
    stands for a value within a net's call: what was computed, or what a run has kept of it.
    `place()` names the next call of a brought net: a block's graphs give one call one name.
    `masks(place)` says of a given that it may hold booleans, which brought nets alone get as such.
    `handed(tape, args)` gives what a brought net is called with for its arguments.
    """

    tape: Tape
    slots: tuple[NetSlot, ...]
    raw: Callable[[Place], tuple[Node, Numerics]]
    size: Callable[[str], Node]
    net: Callable[[int], Node]
    wanted: Callable[[Place | int], bool] = lambda _leaf: True
    asked: Callable[[Place], bool] = lambda _place: True
    hold: Callable[[int, str, Node], Node] = lambda _slot, _name, node: node
    place: Callable[[], str] = str
    masks: Callable[[Place], bool] = lambda _place: False
    handed: Callable[[Tape, tuple[Node, ...]], tuple[Node, ...]] = lambda _tape, args: args
    leaves: dict[Key, tuple[Place, Node]] = field(default_factory=dict)
    params: dict[int, list[Node]] = field(default_factory=dict)
    nets: dict[int, Node] = field(default_factory=dict)
    booleans: dict[Node, Node] = field(default_factory=dict)

    def emit(self, expr: Expr) -> Any:
        """Return the value's node, or a plain number."""
        match expr:
            case Number(value=value):
                return dim_value(self.tape, value, self.size) if isinstance(value, Dim) else value
            case Read():
                return self._read(expr)
            case Elementwise():
                return self._elementwise(expr)
            case NetCall():
                return self._call(expr)

    def _read(self, read: Read) -> Node:
        name = key(read.place)
        if name in self.leaves:
            return self.leaves[name][1]
        raw, numerics = self.raw(read.place)
        node = decoded(self.tape, raw, numerics)
        if self.masks(read.place):
            node = self.tape.call(tensor_ops.whole, raw)
            self.booleans[node] = raw
        if numerics.kind != "label" and self.wanted(read.place):
            self.tape.watch(node)
        node.meta["part"] = numerics.kind == "float32" and bool(read.place.index)
        self.leaves[name] = (read.place, node)
        return node

    def _elementwise(self, expr: Elementwise) -> Any:
        args = [self.emit(arg) for arg in expr.args]
        if expr.function in ARITHMETIC:
            broadcast = tuple(arg.shape != expr.shape for arg in expr.args)
            return binary(self.tape, expr.function, args[0], args[1], (broadcast[0], broadcast[1]))
        if not is_tensor(args[0]):
            return self._number(expr.function, args[0])
        return unary(self.tape, expr.function, args[0])

    def _number(self, function: str, number: Any) -> Any:
        if function == "neg":
            return numbers(self.tape.graph, "mul", number, -1)
        scalar = self.tape.call(aten.scalar_tensor.default, number)
        return unary(self.tape, function, scalar)

    def _call(self, expr: NetCall) -> Node:
        slot = self.slots[expr.slot]
        args = tuple(self.emit(arg) for arg in expr.args)
        if isinstance(slot.source, Replaced):
            return self._replaced(expr, slot, slot.source.builtin, args)
        if not isinstance(slot.source, Builtin):
            return self._leaf(expr.slot, args, tuple(map(self._is_asked, expr.args)))
        code = net_code(slot)
        call = builtins.Call(
            args=args,
            params=tuple(self._params(expr.slot)),
            sizes=code.sizes,
            settings=dict(code.settings),
            tied=None if code.tied is None else self._params(code.tied)[0],
            hold=partial(self.hold, expr.slot),
        )
        return builtins.EMITTERS[code.kind](self.tape, call)

    def _params(self, slot: int) -> list[Node]:
        if slot not in self.params:
            whole, count = self.net(slot), len(parameter_names(self.slots[slot]))
            nodes = [self.tape.item(whole, i) for i in range(count)]
            for node in nodes:
                node.meta["dtype"] = self.tape.dtype
            if self.wanted(slot):
                self.tape.watch(*nodes)
            self.params[slot] = nodes
        return self.params[slot]

    def _replaced(
        self, expr: NetCall, slot: NetSlot, source: Builtin, args: tuple[Node, ...]
    ) -> Node:
        """Call what stands in a built-in net's place as that net's module would be called."""
        asked = tuple(map(self._is_asked, expr.args))
        if source.name in builtins.JOINING:
            sizes = sizes_of(slot.replace(source=source))
            axis = 1 if source.name == "conv" else -1
            args, asked = (ops.concat(self.tape, args, sizes, axis),), (any(asked),)
        if source.tied is not None:
            args, asked = (*args, self._params(source.tied)[0]), (*asked, True)
        return self._leaf(expr.slot, args, asked)

    def _leaf(self, slot: int, args: tuple[Node, ...], asked: tuple[bool, ...]) -> Node:
        if slot not in self.nets:
            self.nets[slot] = self.net(slot)
            if self.wanted(slot):
                self.tape.watch_whole(self.nets[slot])
        net, tape = self.nets[slot], self.tape
        args = tuple(self._apart(self.booleans.get(arg, arg)) for arg in args)
        taken = self.handed(tape, args)
        both = tape.call(brought.run, net, asked, *taken, place=self.place())
        out, handle = tape.item(both, 0), tape.item(both, 1)

        def vjp(g: Node) -> list[tuple[Node, Node]]:
            back = tape.call(brought.pull, net, handle, g)
            mine = [(net, tape.item(back, 0))]
            return mine + [(arg, tape.item(back, i + 1)) for i, arg in enumerate(args)]

        return tape.record(out, (net, *args), vjp)

    def _apart(self, arg: Node) -> Node:
        """Copy a part of float state for a brought net.

        Autograd takes a write to any part of a register for a write to what the net has saved.
        """
        if not arg.meta.get("part"):
            return arg
        copy = self.tape.call(aten.clone.default, arg)
        return self.tape.record(copy, (arg,), lambda g: [(arg, g)])

    def _is_asked(self, expr: Expr) -> bool:
        """Say whether a brought net must be able to give the gradient of an argument."""
        match expr:
            case Read(place=place):
                return self.asked(place)
            case Elementwise(args=args):
                return any(map(self._is_asked, args))
        return isinstance(expr, NetCall)

    def cotangents(self, found: dict[Node, Node]) -> "Cotangents":
        """Sort a pullback's result by what the leaves are."""
        reads = [(place, found[node]) for place, node in self.leaves.values() if node in found]
        params = {
            slot: [found.get(node) for node in nodes]
            for slot, nodes in self.params.items()
            if any(node in found for node in nodes)
        }
        whole = {slot: found[node] for slot, node in self.nets.items() if node in found}
        return Cotangents(reads, params, whole)


@dataclass(frozen=True)
class Cotangents:
    """Cotangents by leaf: of places, of the parameters of built-in nets, of whole brought nets."""

    reads: list[tuple[Place, Node]]
    params: dict[int, list[Node | None]]
    nets: dict[int, Node]


def decoded(tape: Tape, raw: Node, numerics: Numerics) -> Node:
    """Return the node of a register's value in the nets' dtype; labels stay integers."""
    if numerics.kind == "label":
        return raw
    if isinstance(numerics, Lattice):
        node = tape.call(lattice.decode, raw, numerics.fraction_bits, tape.dtype)
        node.meta["cheap"] = True
    else:
        node = tape.call(aten.to.dtype, raw, tape.dtype)
    node.meta["dtype"] = tape.dtype
    return node


def dim_value(tape: Tape, dim: Dim, size: Callable[[str], Node]) -> Any:
    """Return a dim as a number: an int or float now, or a node where a size is free."""
    total: Any = 0
    for monomial, factor in dim.terms:
        term: Any = int(factor) if factor.denominator == 1 else float(factor)
        for name in monomial:
            term = numbers(tape.graph, "mul", size(name), term)
        total = numbers(tape.graph, "add", total, term) if not _is_zero(total) else term
    return total


def int_value(tape: Tape, dim: Dim, size: Callable[[str], Node]) -> Any:
    """Return a dim that is a size or a position as an int or a node of one.

    What is divided is divided last, and in integers: the gate has seen to it that nothing remains.
    """
    if dim.integer is not None:
        return dim.integer
    below = lcm(*(factor.denominator for _, factor in dim.terms))
    whole = dim_value(tape, dim * below, size)
    return whole if below == 1 else numbers(tape.graph, "floordiv", whole, below)


def _is_zero(value: Any) -> bool:
    return not isinstance(value, Node) and value == 0
