"""Expressions as units of compilation: one primal and one pullback, for torch.compile.

The forward pass and the rebuild call the same primal, which also returns what the pullback needs.
It is compiled once, as one unit, so both get the same bits however the compiler fuses it.
"""

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import torch
from torch.fx import Graph, GraphModule, Node

from revc.codegen.expressions import Cotangents, Emitter
from revc.codegen.holds import Key as Held
from revc.codegen.holds import Within, noting
from revc.codegen.interface import Names
from revc.codegen.partition import Finer, Parts, finer, partition
from revc.codegen.tape import Tape
from revc.codegen.values import place_keys
from revc.ir.dims import Dim
from revc.ir.expr import Expr, Number, Place, slots, walk
from revc.ir.keys import Key, key
from revc.ir.net_kinds import parameter_names
from revc.ir.nets import Builtin, NetSlot
from revc.ir.types import Numerics
from revc.runtime.traced import region

if TYPE_CHECKING:
    from revc.codegen.body import Body
    from revc.codegen.gather import Gathering

aten = torch.ops.aten


class Unit(torch.nn.Module):
    """A graph that the compiler compiles once and calls as often as it occurs."""

    def __init__(self, graph: GraphModule) -> None:
        super().__init__()
        self.graph = graph
        self._region = region(graph)

    def forward(self, *args: Any) -> Any:
        """Run the graph."""
        return self._region(*args)


def _unit(graph: GraphModule | None) -> Unit | None:
    return None if graph is None else Unit(graph)


@dataclass(frozen=True)
class CompileUnit:
    """An expression's primal and pullback, and how to call them from a block.

    `values` are the nodes of `parts` that stand for values within its nets: what can be kept.
    """

    inputs: "Inputs"
    parts: Parts
    values: dict[Within, Node]
    primal_unit: Unit
    pull_unit: Unit | None
    read_order: tuple[Key, ...]
    param_order: tuple[tuple[int, int], ...]
    cuts: "dict[tuple[Within, ...], Cut]" = field(default_factory=dict)

    def anew(self) -> "CompileUnit":
        """Return units of the same graphs, which the compiler tells from these."""
        pull = _unit(self.parts.pull)
        return replace(self, primal_unit=Unit(self.primal_unit.graph), pull_unit=pull, cuts={})

    def value(self, body: "Body", pieces: Any) -> Node:
        """Evaluate, and put what is to be kept into the block's holds; return the value."""
        args, keys = self.inputs.arguments(body, pieces), self._held(body, pieces)
        if not keys:
            return body.tape.item(_call(body, "primal", self.primal_unit, args), 0)
        cut = self._cut(keys)
        kept = cut.kept(body, args)
        body.holds.nodes.update(zip(keys, kept, strict=True))
        return cut.value(body, args, kept)[0]

    def primal(self, body: "Body", pieces: Any) -> tuple[Node, list[Any]]:
        """Evaluate, from what was kept where something was, for a pull.

        Returns the value, and what the pullback takes: arguments and residuals.
        """
        args, keys = self.inputs.arguments(body, pieces), self._held(body, pieces)
        if keys:
            kept = [body.holds.nodes[key] for key in keys]
            out, residuals = self._cut(keys).again(body, args, kept)
            return out, [*args, *residuals]
        called = _call(body, "primal", self.primal_unit, args)
        items = [body.tape.item(called, index) for index in range(len(self.parts.residuals) + 1)]
        return items[0], [*args, *items[1:]]

    def _held(self, body: "Body", pieces: Any) -> list[Held]:
        """Return the keys of what is kept of this evaluation in a block."""
        return body.holds.within(self.values, pieces is not None)

    def _cut(self, keys: list[Held]) -> "Cut":
        """Return the primal cut at what is kept."""
        within = tuple(key[2:] for key in keys)
        if within not in self.cuts:
            self.cuts[within] = Cut.of(finer(self.parts, [self.values[one] for one in within]))
        return self.cuts[within]

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
class Cut:
    """A primal that is cut at what is kept, and how to call its parts from a block."""

    finer: Finer
    first_unit: Unit
    value_unit: Unit | None
    rest_unit: Unit | None

    @staticmethod
    def of(cut: Finer) -> "Cut":
        """Make units of the graphs of a cut primal."""
        return Cut(cut, Unit(cut.first), _unit(cut.value), _unit(cut.rest))

    def kept(self, body: "Body", args: list[Any]) -> list[Node]:
        """Call what makes the values that are kept; return them."""
        return _items(body, "primal_first", self.first_unit, args)

    def value(self, body: "Body", args: list[Any], kept: list[Node]) -> list[Node]:
        """Return the expression's value and the residuals that come with it."""
        if self.value_unit is None:
            return [kept[self.finer.out]]
        return _items(body, "primal_value", self.value_unit, [*args, *kept])

    def again(self, body: "Body", args: list[Any], kept: list[Node]) -> tuple[Node, list[Node]]:
        """Return the value and the residuals, of arguments and what was kept."""
        made = {"kept": kept, "value": self.value(body, args, kept)}
        if self.rest_unit is not None:
            made["rest"] = _items(body, "primal_rest", self.rest_unit, [*args, *kept])
        return made["value"][0], [made[part][at] for part, at in self.finer.residuals]


def _items(body: "Body", wish: str, unit: Unit, args: list[Any]) -> list[Node]:
    """Call a unit; return its results."""
    out = _call(body, wish, unit, args)
    return [body.tape.item(out, index) for index in range(len(_results(unit.graph)))]


def _call(body: "Body", wish: str, unit: Unit, args: list[Any]) -> Node:
    return body.graph.call_module(body.module(wish, unit), tuple(args))


def _results(graph: GraphModule) -> Any:
    return next(iter(reversed(graph.graph.nodes))).args[0]


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
    tape, values = Tape(graph, dtype, low), dict[Within, Node]()
    emitter = Emitter(
        tape,
        nets,
        lambda place: (raws[key(place)], numerics[key(place)]),
        sizes.__getitem__,
        lambda slot: params[slot][0],
        hold=noting(values),
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
    parts = partition(graph, out, results, cot)
    return CompileUnit(
        inputs,
        parts,
        {name: node for name, node in values.items() if node in set(parts.early)},
        Unit(parts.primal),
        _unit(parts.pull),
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
