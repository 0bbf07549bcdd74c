"""The joint graph of an expression cut into what a compiler compiles: primal, pullback, or finer.

Where values within its nets are kept, the primal is cut once more: what leads to them runs in the
forward pass alone, what leads from them to the expression's value runs in both passes, as the same
graph, and the rest of what the pullback needs is made of them on the way back.
"""

import operator
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch.fx import Graph, GraphModule, Node

from revc.codegen.interface import Names
from revc.codegen.lowered import Lowered
from revc.codegen.reuse import base_of, drop_dead, rebuild_cheap
from revc.codegen.tape import copied

aten = torch.ops.aten


@dataclass(frozen=True)
class Parts:
    """A joint graph in two: what the pullback needs of the primal are its `residuals`.

    `inputs` are what both take, `early` the primal's calls in order, `out` the value.
    """

    inputs: list[Node]
    early: list[Node]
    out: Node
    residuals: list[Node]
    primal: GraphModule
    pull: GraphModule | None


def partition(graph: Graph, out: Node, results: list[Node], cot: Node) -> Parts:
    """Cut a joint graph in two."""
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
    body = [n for n in graph.nodes if (n in late or n in again) and n is not cot]
    pull = None
    if results:
        pull = _extract([*inputs, *residuals, cot], body, tuple(results), "pullback")
    graph.erase_node(output)
    return Parts(inputs, early, out, residuals, primal, pull)


@dataclass(frozen=True)
class Finer:
    """The primal of a joint graph, cut at values that are kept.

    `first` makes them of the inputs. Of inputs and kept values `value` makes the expression's
    value, and residuals that cost nothing more; None where the value is kept itself, as number
    `out` of them. `rest` makes the other residuals, None where there are none. `residuals` says of
    each, in the pullback's order, which makes it, and as which of its results.
    """

    first: GraphModule
    value: GraphModule | None
    rest: GraphModule | None
    out: int
    residuals: tuple[tuple[str, int], ...]


def finer(parts: Parts, kept: Sequence[Node]) -> Finer:
    """Cut a primal at what is kept."""
    first = _extract(parts.inputs, parts.early, tuple(kept), "primal_first")
    inputs, after = [*parts.inputs, *kept], [n for n in parts.early if n not in set(kept)]
    there: dict[Node, tuple[str, int]] = {node: ("kept", at) for at, node in enumerate(kept)}
    value = None
    if parts.out not in there:
        ahead = _ancestors([parts.out], there)
        free = [r for r in parts.residuals if r not in there and _is_free(r, ahead, there)]
        there.update({node: ("value", at) for at, node in enumerate(free, 1)})
        value = _extract(inputs, after, (parts.out, *free), "primal_value")
    others = [r for r in parts.residuals if r not in there]
    there.update({node: ("rest", at) for at, node in enumerate(others)})
    rest = _extract(inputs, after, tuple(others), "primal_rest") if others else None
    residuals = tuple(there[node] for node in parts.residuals)
    return Finer(first, value, rest, there.get(parts.out, ("value", 0))[1], residuals)


def _ancestors(nodes: Iterable[Node], end: Iterable[Node]) -> set[Node]:
    """Return what nodes are computed from, themselves included, up to where it ends."""
    found, ends, stack = set[Node](), set(end), list(nodes)
    while stack:
        node = stack.pop()
        if node not in found and node not in ends:
            found.add(node)
            stack += node.all_input_nodes
    return found


def _is_free(residual: Node, ahead: set[Node], end: Iterable[Node]) -> bool:
    """Say whether a residual needs no operation that the value does not."""
    return all(map(_is_light, _ancestors([residual], end) - ahead))


def _is_light(node: Node) -> bool:
    """Say whether a node computes nothing: it comes in, shows a tensor, or picks a result."""
    picks = node.target is operator.getitem or base_of(node) is not node
    return node.op == "placeholder" or bool(node.meta.get("number")) or picks


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
