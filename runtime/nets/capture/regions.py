"""A joint graph as two regions that compilers compile once: what it computes, what pulls back.

A region takes tensors and gives tensors of their own: what pulls back takes parameters and inputs
themselves, residuals that lie in one tensor are that tensor, and what would still lie in the memory
of others is a copy. State comes as it is held, and is decoded within, so that no caller holds
what it decodes to while the region runs.
"""

from collections.abc import Callable, Container, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.fx import Graph, GraphModule, Node

from revc.runtime.nets.capture.graphs import Cut
from revc.runtime.nets.capture.held import Place
from revc.runtime.nets.capture.memory import storages, tensors
from revc.runtime.nets.capture.structure import structure
from revc.runtime.nets.capture.trace import Joint
from revc.runtime.nets.capture.views import chain, of_one
from revc.runtime.open_sizes import hint, is_scalar
from revc.runtime.state.lattice import decode
from revc.runtime.traced import region

aten = torch.ops.aten
Region = Callable[..., Any]


Code = tuple[int, torch.dtype]
"""How lattice state is decoded: its fraction bits, and the dtype that a net takes."""


class Form(NamedTuple):
    """How a cotangent lies in memory: its dtype, and its axes from the outermost inwards."""

    dtype: torch.dtype
    axes: tuple[int, ...]


@dataclass(frozen=True)
class Pair:
    """The regions of a module.

    `front` takes parameters, `others` that the module holds, inputs, and a key (int64 [4]) if it
    `draws`; it returns the output and residuals. `back` takes those arguments of `front` that
    `direct` names, the residuals, open `sizes` of arguments of `front` (which, and its axis), and a
    cotangent that looks like `cotangent`: it returns a cotangent for each parameter and input for
    which `gives` says so. It is None where nothing wants any.
    """

    front: Region
    back: Region | None
    others: tuple[Place, ...]
    direct: tuple[int, ...]
    sizes: tuple[tuple[int, int], ...]
    gives: tuple[bool, ...]
    cotangent: Form | None
    draws: bool


class Regions:
    """Regions by what they compute: graphs that are alike are one, compiled once for all nets."""

    def __init__(self) -> None:
        self._found: dict[Hashable, Region] = {}

    def of(self, module: GraphModule, graph: Graph, name: str) -> Region:
        """Return the region of a graph, whose tensors and modules `module` holds."""
        key = structure(graph)
        found = None if key is None else self._found.get(key)
        if found is None:
            found = region(GraphModule(module, graph, name))
        if key is not None:
            self._found[key] = found
        return found


def paired(
    joint: Joint, wants: Sequence[bool], codes: Sequence[Code | None], regions: Regions
) -> Pair:
    """Return the regions of a joint graph; `wants` are the parameters' and inputs' wishes.

    Inputs that have `codes` are taken as lattice state.
    """
    cut = Cut(joint, again=True, fused=True)
    held = [node for node in cut.given if tensors(node)]  # all but a key, which comes last
    known = dict(zip(held[len(held) - len(codes) :], codes, strict=True))
    views = {node: found for node in cut.kept if (found := chain(node, cut.given))}
    views.update(of_one([node for node in cut.kept if node not in views and node in cut.place]))
    views = {node: links for node, links in views.items() if _asks_little(links, cut.sizes)}
    ends = dict.fromkeys(views[node][0] if node in views else node for node in cut.kept)
    direct = [node for node in ends if node not in cut.place]
    fresh = [node for node in ends if node in cut.place]
    front = Graph()
    new = {node: front.node_copy(node) for node in cut.given}
    new.update({node: _decoded(front, new[node], known.get(node)) for node in cut.given})
    for node in cut.front:
        new[node] = front.node_copy(node, new.__getitem__)
    front.output(tuple(_apart(front, [cut.out, *fresh], cut.given, new)))
    found = [node for node in cut.found if node is not None]
    rest = iter(cut.found)
    gives = tuple(w and next(rest) is not None for w in wants)
    (traced,) = [None] if joint.cotangent is None else tensors(joint.cotangent)
    again = [node for links in views.values() for node in links[1:]]
    pulling = [*again, *cut.pulling]
    sizes, scalars = _sizes(cut, pulling)
    direct += [node for node in _sized(scalars) if node not in direct]
    kept = {node: known.get(node) for node in (*direct, *fresh)}
    back = _back(cut, kept, sizes, [*scalars, *pulling], found) if found else None
    return Pair(
        regions.of(joint.module, front, "front"),
        None if back is None else regions.of(joint.module, back, "back"),
        joint.others, tuple(cut.given.index(node) for node in direct),
        tuple(_where(cut, node) for node in sizes), gives,
        None if traced is None else Form(traced.dtype, _axes(traced)), bool(joint.random),
    )  # fmt: skip


def _where(cut: Cut, size: Node) -> tuple[int, int]:
    """Return which argument a size is of, and its axis."""
    (argument,) = size.all_input_nodes
    axis: Any = size.args[1]
    return cut.given.index(argument), axis


def _asks_little(links: Iterable[Node], sizes: Container[Node]) -> bool:
    """Say whether views can be made from open sizes of what a graph takes."""
    scalars = (one for link in links for one in link.all_input_nodes if is_scalar(one))
    return all(one in sizes for one in scalars)


def _axes(x: Tensor) -> tuple[int, ...]:
    """Return the axes of a dense tensor by stride, the longest first."""
    strides = [hint(one) for one in x.stride()]
    return tuple(sorted(range(x.dim()), key=lambda axis: -strides[axis]))


def _sizes(cut: Cut, nodes: Iterable[Node]) -> tuple[list[Node], list[Node]]:
    """Return the open sizes that nodes hang on, and what is computed from those."""
    waiting, needed = [*nodes], set[Node]()
    while waiting:
        found = {one for one in waiting.pop().all_input_nodes if one in cut.sizes} - needed
        needed |= found
        waiting += found
    ends = [node for node in cut.sizes if node in needed and node.target is aten.sym_size.int]
    return ends, [node for node in cut.sizes if node in needed and node not in ends]


def _sized(scalars: Iterable[Node]) -> list[Node]:
    """Return the arguments of a graph that scalars are asked of."""
    return [n for one in scalars for n in one.all_input_nodes if n.op == "placeholder"]


def _decoded(graph: Graph, node: Node, code: Code | None) -> Node:
    return node if code is None else graph.call_function(decode, (node, *code))


def _back(
    cut: Cut,
    kept: Mapping[Node, Code | None],
    sizes: Sequence[Node],
    nodes: Sequence[Node],
    ends: Sequence[Node],
) -> Graph:
    """Return the graph that pulls back from what is kept, of which some is to be decoded."""
    graph, new = Graph(), dict[Node, Node]()
    given = [*kept, *sizes, *filter(None, [cut.joint.cotangent])]
    for index, node in enumerate(given):
        new[node] = graph.placeholder(f"kept_{index}")
        new[node].meta = dict(node.meta)
    new.update({node: _decoded(graph, new[node], code) for node, code in kept.items()})
    for node in nodes:
        if node not in new:
            new[node] = graph.node_copy(node, new.__getitem__)
    graph.output(tuple(_apart(graph, ends, given, new)))
    return graph


def _apart(
    graph: Graph, ends: Iterable[Node], given: Iterable[Node], new: dict[Node, Node]
) -> list[Node]:
    """Return what a graph returns, copied where it lies in memory of what it takes or returns."""
    taken, found = {key for node in given for key, _ in storages(node)}, []
    for node in ends:
        keys = {key for key, _ in storages(node)}
        copies = not taken.isdisjoint(keys)
        taken |= keys
        found.append(graph.call_function(aten.clone.default, (new[node],)) if copies else new[node])
    return found
