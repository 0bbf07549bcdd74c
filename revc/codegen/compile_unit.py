"""Expressions as units of compilation: one primal and one pullback, for torch.compile.

The forward pass and the rebuild call the same primal, which also returns what the pullback needs.
It is compiled once, as one unit, so both get the same bits however the compiler fuses it.
"""

import itertools
from dataclasses import dataclass, replace
from types import FunctionType
from typing import TYPE_CHECKING, Any

import torch
from torch.fx import Graph, GraphModule, Node

from revc.codegen.expressions import Cotangents, Emitter
from revc.codegen.interface import Names
from revc.codegen.lowered import Lowered
from revc.codegen.reuse import base_of, drop_dead, rebuild_cheap
from revc.codegen.tape import Tape, copied
from revc.codegen.values import place_keys
from revc.ir.dims import Dim
from revc.ir.expr import Expr, Number, Place, slots, walk
from revc.ir.keys import Key, key
from revc.ir.net_kinds import parameter_names
from revc.ir.nets import Builtin, NetSlot
from revc.ir.types import Numerics
from revc.runtime.traced import compiled_once

if TYPE_CHECKING:
    from revc.codegen.body import Body
    from revc.codegen.gather import Gathering

aten = torch.ops.aten


class Unit(torch.nn.Module):
    """A graph that the compiler compiles once and calls as often as it occurs."""

    _made = itertools.count()

    def __init__(self, graph: GraphModule) -> None:
        super().__init__()
        self.graph = graph

        def run(*args: Any) -> Any:
            return graph(*args)

        # The compiler tells regions by their code object, and keeps few versions of each.
        code = run.__code__.replace(co_name=f"unit_{next(self._made)}")
        own = FunctionType(code, run.__globals__, code.co_name, None, run.__closure__)
        self._region = compiled_once(own)

    def forward(self, *args: Any) -> Any:
        """Run the graph."""
        return self._region(*args)


@dataclass(frozen=True)
class CompileUnit:
    """An expression's primal and pullback, and how to call them from a block."""

    inputs: "Inputs"
    primal_unit: Unit
    pull_unit: Unit | None
    residuals: int
    read_order: tuple[Key, ...]
    param_order: tuple[tuple[int, int], ...]

    def anew(self) -> "CompileUnit":
        """Return units of the same graphs, which the compiler tells from these."""
        pull = self.pull_unit and Unit(self.pull_unit.graph)
        return replace(self, primal_unit=Unit(self.primal_unit.graph), pull_unit=pull)

    def value(self, body: "Body", pieces: Any) -> Node:
        """Call the primal; return the value."""
        return body.tape.item(self._call(body, self.inputs.arguments(body, pieces)), 0)

    def primal(self, body: "Body", pieces: Any) -> tuple[Node, list[Any]]:
        """Call the primal; return the value, and what the pullback takes: arguments, residuals."""
        args = self.inputs.arguments(body, pieces)
        out = self._call(body, args)
        items = [body.tape.item(out, index) for index in range(self.residuals + 1)]
        return items[0], [*args, *items[1:]]

    def _call(self, body: "Body", args: list[Any]) -> Node:
        name = body.module("primal", self.primal_unit)
        return body.graph.call_module(name, tuple(args))

    def wanted(self, body: "Gathering") -> list[Place | None]:
        """Return what it reads, None for what wants no cotangent where the program stands now."""
        places = dict(self.inputs.places)
        read = [places[name] for name in self.read_order]
        return [place if body.wanted(place) else None for place in read]

    def pull(
        self, body: "Gathering", taken: list[Any], wanted: list[Place | None], cot: Node
    ) -> Cotangents:
        """Call the pullback with what `primal` and `wanted` gave; return the cotangents."""
        if self.pull_unit is None:
            return Cotangents([], {}, {})
        name = body.module("pullback", self.pull_unit)
        out = body.graph.call_module(name, (*taken, cot))
        reads = [
            (place, body.tape.item(out, index))
            for index, place in enumerate(wanted)
            if place is not None
        ]
        params: dict[int, list[Node | None]] = {}
        for index, (position, item) in enumerate(self.param_order):
            slot = self.inputs.slots[position]
            if body.wanted(slot):
                known = params.setdefault(slot, [None] * self.inputs.counts[position])
                known[item] = body.tape.item(out, len(self.read_order) + index)
        return Cotangents(reads, params, {})


@dataclass(frozen=True)
class Inputs:
    """What a unit reads, in the order of its arguments."""

    places: tuple[tuple[Key, Place], ...]
    slots: tuple[int, ...]
    counts: tuple[int, ...]
    sizes: tuple[str, ...]

    def arguments(self, body: "Body", pieces: dict[Key, Node] | None) -> list[Any]:
        """Return the arguments, from the block that calls."""
        known = pieces or {}
        nodes = [known.get(name) or body.raw(place)[0] for name, place in self.places]
        args: list[Any] = [*body.target.apart(body, nodes)]
        for slot, count in zip(self.slots, self.counts, strict=True):
            args += [body.tape.item(body.nets[slot], index) for index in range(count)]
        args += [body.sizes[name] for name in self.sizes]
        return [*args, body.dtype, body.low]


def build_unit(
    value: Expr, nets: tuple[NetSlot, ...], numerics: dict[Key, Numerics]
) -> CompileUnit:
    """Build the unit of an expression whose places have the numerics given by key."""
    inputs = _inputs(value, nets)
    graph = Graph()
    names = Names(graph)
    raws = dict(
        zip((k for k, _ in inputs.places), names.all(p.name for _, p in inputs.places), strict=True)
    )
    params = {
        slot: names.all(f"{nets[slot].name}_{i}" for i in range(count))
        for slot, count in zip(inputs.slots, inputs.counts, strict=True)
    }
    sizes = dict(zip(inputs.sizes, names.all(inputs.sizes), strict=True))
    for node in sizes.values():
        node.meta["number"] = True
    dtype, low = names.all(("dtype", "low"))
    tape = Tape(graph, dtype, low)
    emitter = Emitter(
        tape,
        nets,
        lambda place: (raws[key(place)], numerics[key(place)]),
        sizes.__getitem__,
        lambda slot: params[slot][0],
    )
    for slot, nodes in params.items():
        for node in nodes:
            node.meta["dtype"] = dtype
        tape.watch(*nodes)
        emitter.params[slot] = nodes
    out = emitter.emit(value)
    if not isinstance(out, Node) or out.meta.get("number"):
        out = tape.call(aten.scalar_tensor.default, out)
    cot = names.placeholder("cotangent")
    found = emitter.cotangents(tape.pullback(out, cot))
    reads = tuple((key(place), node) for place, node in found.reads)
    by_param = tuple(
        ((inputs.slots.index(slot), index), node)
        for slot, nodes in found.params.items()
        for index, node in enumerate(nodes)
        if node is not None
    )
    results = [node for _, node in (*reads, *by_param)]
    primal, pull, residuals = _partition(graph, out, results, cot)
    return CompileUnit(
        inputs,
        Unit(primal),
        Unit(pull) if pull is not None else None,
        residuals,
        tuple(name for name, _ in reads),
        tuple(position for position, _ in by_param),
    )


def _inputs(value: Expr, nets: tuple[NetSlot, ...]) -> Inputs:
    used: dict[int, int] = {}
    for slot in slots(value):
        source = nets[slot].source
        used[slot] = len(parameter_names(nets[slot]))
        if isinstance(source, Builtin) and source.tied is not None:
            used[source.tied] = len(parameter_names(nets[source.tied]))
    names: set[str] = set()
    for node in walk(value):
        if isinstance(node, Number) and isinstance(node.value, Dim):
            names |= node.value.names
    places = tuple(place_keys(value).items())
    return Inputs(places, tuple(used), tuple(used.values()), tuple(sorted(names)))


def _partition(
    graph: Graph, out: Node, results: list[Node], cot: Node
) -> tuple[GraphModule, GraphModule | None, int]:
    """Cut a joint graph in two; what the pullback needs of the primal becomes its residuals."""
    output = graph.output((out, *results))
    rebuild_cheap(graph)
    drop_dead(graph)
    late = {cot}
    for node in graph.nodes:
        recomputed = node.meta.get("cheap") and any(u.meta.get("pulling") for u in node.users)
        if node.meta.get("pulling") or (recomputed and node is not out):
            late.add(node)
    inputs = [n for n in graph.nodes if n.op == "placeholder" and n is not cot]
    early = [n for n in graph.nodes if n.op == "call_function" and n not in late]
    again = _recomputed(early, late | set(results))
    wanted = late | again | set(results)
    residuals = [
        n for n in early if n not in again and (n in results or any(u in wanted for u in n.users))
    ]
    primal = _extract(inputs, early, (out, *residuals), "primal")
    if not results:
        return primal, None, len(residuals)
    body = [n for n in graph.nodes if (n in late or n in again) and n is not cot]
    pull = _extract([*inputs, *residuals, cot], body, tuple(results), "pullback")
    graph.erase_node(output)
    return primal, pull, len(residuals)


def _recomputed(early: list[Node], late: set[Node]) -> set[Node]:
    """Return the views and numbers that the pullback makes again from the tensors they show.

    A nested region may not return two tensors that share memory.
    """
    found: set[Node] = set()
    for node in reversed(early):
        light = node.meta.get("number") or base_of(node) is not node
        if light and (node in late or any(u in late or u in found for u in node.users)):
            found.add(node)
    return found


def _extract(inputs: list[Node], body: list[Node], results: Any, name: str) -> GraphModule:
    graph = Graph()
    names = Names(graph)
    copies = {node: names.placeholder(node.name) for node in inputs}
    for node in body:
        copies[node] = copied(graph, node, copies.__getitem__)
    # A nested region may not return one of its inputs, nor one tensor twice.
    made: set[Node] = set()
    outputs = []
    for node in results:
        copy = copies[node]
        if base_of(copy).op == "placeholder" or base_of(copy) in made:
            copy = graph.call_function(aten.clone.default, (copy,))
        made.add(base_of(copy))
        outputs.append(copy)
    graph.output(tuple(outputs))
    drop_dead(graph)
    graph.lint()
    return Lowered({}, graph, name)
