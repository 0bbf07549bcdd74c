"""A joint graph cut in two: a forward graph that keeps, and a backward graph that pulls.

What the backward half reads of the forward half crosses the border: these are the residuals. What
costs nothing is made again on the far side instead: sizes, casts, decodes and views of what the
backward graph is given anyway. Of a value that is read for its shape alone only that is kept.

State changes in place, so what is kept may not lie in it: it is copied where it still holds.
"""

import operator
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.fx import Graph, Node
from torch.fx.node import map_arg

from revc.codegen.interface import Names
from revc.codegen.reuse import VIEWS, base_of, drop_dead, finish
from revc.codegen.tape import append
from revc.runtime import cotangents
from revc.runtime import residuals as residuals_of
from revc.runtime.nets import brought, tensor_ops
from revc.runtime.state import alloc_health, boundary, lattice

aten = torch.ops.aten

CHEAP = (VIEWS - {brought.run, brought.check_shape, alloc_health.damp}) | {
    lattice.decode, operator.getitem,
}  # fmt: skip
"""What is made again of what both halves have, rather than kept."""

SHAPES: dict[Any, int] = {tensor_ops.reduce_like: 1, cotangents.zeros_for: 0}
"""Which argument of a call is read for its shape alone."""


@dataclass(frozen=True)
class Saved:
    """The two graphs of a block that keeps.

    `keep` takes what the forward graph takes, and also returns a tuple of residuals, last. `pull`
    takes them in lists, which it empties, then cotangents of what is given, givens, their
    cotangents, emit cotangents, nets, sizes, turns, dtype, low, device; it returns the cotangents
    of what is taken, of givens and of nets, None where none is wanted. `active` says which of the
    registers given cotangents come from, `reads` which givens `pull` reads, `givens` of which it
    gives cotangents.
    """

    keep: nn.Module
    pull: nn.Module
    active: tuple[bool, ...]
    reads: tuple[bool, ...]
    givens: tuple[bool, ...]


@dataclass(frozen=True)
class Border:
    """Where a joint graph is cut.

    `front` are the nodes ahead of the border; `outcome` is what the forward graph returns, of which
    `state` are the registers; `givens` are among what the forward graph takes, and `fixed` those
    that the backward graph is given again. `takes` is what the backward graph takes, in order, and
    `tail` what both do; `found` is what it returns. `active` and `wanted` are `active` and `givens`
    of what `Saved` says.
    """

    front: frozenset[Node]
    outcome: tuple[Node, ...]
    state: tuple[Node, ...]
    givens: tuple[Node, ...]
    fixed: frozenset[Node]
    takes: tuple[Node, ...]
    tail: tuple[Node, ...]
    found: tuple[Any, ...]
    active: tuple[bool, ...]
    wanted: tuple[bool, ...]


def split(graph: Graph, modules: Mapping[str, nn.Module], name: str, at: Border) -> Saved:
    """Cut a joint graph."""
    whole = graph.output((at.outcome, at.found))
    drop_dead(graph)
    residuals = Residuals(graph, at)
    graph.erase_node(whole)
    pull, givens = _far_side(residuals)
    for node in reversed(residuals.back):
        graph.erase_node(node)
    graph.output((*at.outcome, tuple(residuals.kept)))
    lowered = finish(modules, pull, f"{name}_pull")
    reads = tuple(bool(node.users) for node in givens)
    return Saved(finish(modules, graph, f"{name}_keep"), lowered, at.active, reads, at.wanted)


def memory_of(node: Node) -> Node:
    """Return the node whose memory a tensor may share; each item of a callee's has its own."""
    base = base_of(node)
    while base.op == "call_module" and node is not base:
        owner = node.args[0]
        if owner is base or not isinstance(owner, Node):
            return node
        node = owner
    return base


class Residuals:
    """Which nodes ahead of the border are kept, in order, which are made again, and how."""

    def __init__(self, graph: Graph, at: Border) -> None:
        self.graph, self.at = graph, at
        nodes = list(graph.nodes)
        self.order = {node: index for index, node in enumerate(nodes)}
        self.back = [n for n in nodes if n not in at.front and n.op != "output"]
        self.passed = {*at.tail, *at.fixed}
        self.kept: dict[Node, int] = {}
        self._stands_for: dict[Node, Node] = {}
        self._changes = self._changed(nodes)
        self._leaving = {memory_of(node) for node in at.state}
        self._still_inputs(nodes)
        self._number(self._crossing())

    def is_ahead(self, node: Node) -> bool:
        """Say whether a node stands ahead of the border."""
        return node in self.at.front

    def of(self, node: Node) -> Node:
        """Return the node that is kept, or made again, for one that the far side reads."""
        while node in self._stands_for:
            node = self._stands_for[node]
        return node

    # --- what crosses ----------------------------------------------------------------------------

    def _crossing(self) -> list[Node]:
        """Return the nodes that the far side reads and cannot make of what it is given."""
        read: set[Node] = set()
        for node in self.back:
            read.update(filter(self.is_ahead, node.all_input_nodes))
        map_arg(self.at.found, lambda n: read.add(n) if self.is_ahead(n) else None)
        return sorted((n for n in read if not self._is_remade(n)), key=self.order.__getitem__)

    def _is_remade(self, node: Node) -> bool:
        """Say whether a node is made again on the far side, of what is passed there."""
        if node in self.passed:
            return True
        cheap = node.op == "call_function" and (node.meta.get("number") or node.target in CHEAP)
        return bool(cheap) and all(map(self._is_remade, node.all_input_nodes))

    def _number(self, crossing: list[Node]) -> None:
        """Number what is kept: equal reads of one state once, and of casts what is cast."""
        seen: dict[Any, Node] = {}
        casts = {node for node in crossing if node.target is aten.to.dtype}
        for node in sorted(crossing, key=casts.__contains__):
            if self._for_shape(node):
                self._keep(node, self._after(node, cotangents.like, node))
                continue
            first = seen.setdefault(self._meaning(node), node)
            if first is not node:
                self._stands_for[node] = first
            elif not (node in casts and self._has(node.args[0])):
                self._keep(node, self._held(node))

    def _has(self, node: Any) -> bool:
        """Say whether the numbers of a node are kept, and not its shape alone."""
        held = self.of(node)
        return held in self.kept and held.target is not cotangents.like

    def _keep(self, node: Node, held: Node) -> None:
        """Number what is kept of a node."""
        if held is not node:
            self._stands_for[node] = held
        self.kept[held] = len(self.kept)

    def _held(self, node: Node) -> Node:
        """Return a node, or what holds its numbers where its memory goes on to something else."""
        if _is_handle(node):
            return self._after(node, brought.slim, node)
        return self._after(node, boundary.kept, node) if self._moves_on(node) else node

    def _for_shape(self, node: Node) -> bool:
        """Say whether the far side reads a node for its shape alone."""
        for user in node.users:
            place = SHAPES.get(user.target)
            if self.is_ahead(user):
                continue
            if place is None or node in (a for i, a in enumerate(user.args) if i != place):
                return False
        return True

    def _meaning(self, node: Node) -> Any:
        """Return what is the same for equal reads of one state, as often as it had changed."""
        if node.op != "call_function" or not (node.target in CHEAP or node.meta.get("number")):
            return node
        version = 0
        if isinstance(node.args[0], Node):
            changes = self._changes.get(memory_of(node.args[0]), ())
            version = sum(at < self.order[node] for at in changes)
        args = (self._meaning(a) if isinstance(a, Node) else repr(a) for a in node.args)
        return (node.target, version, *args)

    # --- what lies where -------------------------------------------------------------------------

    def _changed(self, nodes: Iterable[Node]) -> dict[Node, list[int]]:
        """Return for each memory where it changes ahead of the border."""
        found: dict[Node, list[int]] = {}
        for node in filter(self.is_ahead, nodes):
            changed = node.meta.get("changes", node.args[:1] if node.meta.get("effect") else ())
            for one in changed:
                found.setdefault(memory_of(one), []).append(self.order[node])
        return found

    def _moves_on(self, node: Node) -> bool:
        """Say whether the memory of a value may change between its node and the far side."""
        if node.meta.get("kept") or _is_handle(node):
            return False
        memory = memory_of(node)
        if memory in self.passed:
            return False
        late = any(at > self.order[node] for at in self._changes.get(memory, []))
        return late or memory in self._leaving or memory in self.at.givens

    def _still_inputs(self, nodes: Iterable[Node]) -> None:
        """Let brought nets whose gradient is pulled read copies of state: autograd holds them."""
        for run in nodes:
            pulled = any(not self.is_ahead(u) for item in run.users for u in item.users)
            if run.target is not brought.run or not pulled:
                continue
            for value in dict.fromkeys(a for a in run.args[2:] if isinstance(a, Node)):
                if self._moves_on(value):
                    run.replace_input_with(value, self._after(value, boundary.kept, value))

    def _after(self, node: Node, target: Any, *args: Any) -> Node:
        """Insert a call ahead of the border, behind a node or behind all that comes in."""
        place = node
        if node.op == "placeholder":
            ahead = filter(self.is_ahead, self.order)
            place = [n for n in ahead if n.op == "placeholder"][-1]
        with self.graph.inserting_after(place):
            made = append(self.graph, target, args)
        self.order[made] = self.order[place]
        return made


def _is_handle(node: Node) -> bool:
    """Say whether a node is what pulls a brought net's gradient."""
    owner = node.args[0] if node.target is operator.getitem else None
    return isinstance(owner, Node) and owner.target is brought.run and node.args[1:] == (1,)


def _far_side(residuals: Residuals) -> tuple[Graph, list[Node]]:
    """Return the backward graph, and its placeholders of givens."""
    at, graph = residuals.at, Graph()
    names = Names(graph)
    kept = append(graph, residuals_of.taken, (names.placeholder("kept"),))
    kept.meta["results"] = len(residuals.kept)
    here: dict[Node, Node] = {}
    for node in (*at.takes, *at.tail):
        here[node] = names.placeholder(str(node.target))
        here[node].meta = dict(node.meta)
    for node, index in residuals.kept.items():
        here[node] = append(graph, operator.getitem, (kept, index))
        here[node].meta["dtype"] = _there(node.meta.get("dtype"), here)

    def there(node: Node) -> Node:
        node = residuals.of(node)
        if node not in here:
            here[node] = graph.node_copy(node, there)
            here[node].meta["dtype"] = _there(node.meta.get("dtype"), here)
            here[node].meta.pop("cheap", None)
        return here[node]

    for node in residuals.back:
        there(node)
    graph.output(map_arg(at.found, there))
    return graph, [here[node] for node in at.givens]


def _there(dtype: Any, here: Mapping[Node, Node]) -> Any:
    """Return the node of a dtype that is noted on a node."""
    return here.get(dtype) if isinstance(dtype, Node) else dtype
