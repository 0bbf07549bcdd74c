"""A joint graph cut in three: the module, the module with what pulling back needs, and the rest.

What the last one reads of the second are the residuals. Elementwise results can be made again
instead; they are where that lowers the most that is held at once.
"""

import operator
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.fx import Graph, GraphModule, Node

from revc.runtime import residuals
from revc.runtime.nets import draws
from revc.runtime.nets.capture.held import Place
from revc.runtime.nets.capture.memory import Order, is_kernel, storages, tensors, written_by
from revc.runtime.nets.capture.order import least
from revc.runtime.nets.capture.peak import peak
from revc.runtime.nets.capture.reuse import Reuse
from revc.runtime.nets.capture.trace import Joint
from revc.runtime.nets.written_over import OUT
from revc.runtime.open_sizes import is_scalar

aten = torch.ops.aten

_CHEAP = frozenset(OUT) | {
    aten._to_copy.default, aten.mul.Scalar, aten.add.Scalar, aten.div.Scalar, aten.t.default,
    aten.view.default, aten._unsafe_view.default, aten.transpose.int, aten.permute.default,
    aten.expand.default, aten.unsqueeze.default, aten.squeeze.dim, aten.detach.default,
    aten.slice.Tensor, aten.pow.Tensor_Scalar, aten.rsqrt.default, draws.bernoulli, draws.uniform,
}  # fmt: skip


@dataclass(frozen=True)
class Captured:
    """The graphs of a module.

    `value` and `front` take parameters, other tensors that the module holds, then inputs. `value`
    returns the output, `front` the output and a tuple of residuals. `back` takes these in a list,
    which it empties, and a cotangent of shape, dtype and strides like `cotangent`; it returns one
    for each parameter and input that wants one, or None. Where nothing does, `back` is None and
    there are no residuals. `own` says of each of these whether `back` may write over it. `random`
    are the operators that draw random numbers: `value` and `front` then take a key behind the
    inputs.
    """

    value: GraphModule
    front: GraphModule
    back: GraphModule | None
    others: tuple[Place, ...]
    own: tuple[bool, ...]
    cotangent: Tensor | None
    random: tuple[str, ...]


def captured(joint: Joint) -> Captured:
    """Cut a joint graph."""
    cuts = [Cut(joint, again) for again in (False, True)]
    cut = min(cuts, key=lambda one: one.peak)
    value, front = cut.forward(cut.value, keeps=False), cut.forward(cut.front, keeps=True)
    back = None if joint.cotangent is None else cut.back()
    modules = [
        None if graph is None else GraphModule(joint.module, graph, name)
        for graph, name in ((value, "value"), (front, "front"), (back, "back"))
    ]
    like = None if joint.cotangent is None else tensors(joint.cotangent)[0]
    own = tuple(node in cut.place for node in cut.kept)
    return Captured(*modules, joint.others, own, like, joint.random)  # type: ignore


class Cut:
    """A joint graph and which nodes ahead of its cotangent are kept for what is behind it.

    With `again`, elementwise results of what is kept are made again: with `fused`, those that a
    compiler makes within what reads them, and no others. `sizes` are the nodes that stand for open
    sizes of what the graph takes, and what is computed from those alone: they are not kept.
    """

    def __init__(self, joint: Joint, again: bool, fused: bool = False) -> None:
        self.joint, self.fused = joint, fused
        self.given: list[Node] = list(joint.graph.find_nodes(op="placeholder"))
        self.theirs = [*self.given, *filter(None, [joint.cotangent])]
        (self.out, *found), ahead, behind = _parts(joint)
        self.sizes = _sizes([*ahead, *behind])
        behind = [node for node in behind if node not in self.sizes]
        self.found: list[Node | None] = found
        self.place = {node: index for index, node in enumerate(ahead)}
        self.written = {key for node in ahead for key in written_by(node)}
        order, pulling = Order(ahead), Order(behind)
        ends = [node for node in found if node is not None]
        needed = pulling.ancestors(ends)
        self.behind = [node for node in behind if node in needed]
        crossing = self._crossing({*ends, *(n for b in self.behind for n in b.all_input_nodes)})
        crossing -= self.sizes.keys()
        whole = {key for node in self.behind if fused and is_kernel(node)
                 for one in node.all_input_nodes for key, _ in storages(one)}  # fmt: skip
        self.again: set[Node] = self._again(crossing, whole) if again else set()
        below = {one for node in self.again for one in node.all_input_nodes} - self.sizes.keys()
        self.kept = sorted((crossing | below) - self.again, key=self._at)
        needed = order.ancestors([self.out, *self.kept])
        self.front = [node for node in ahead if node in needed]
        needed = order.ancestors([self.out])
        self.value = [node for node in ahead if node in needed]
        nodes = [*sorted(self.again, key=self._at), *self.behind]
        most, self.pulling = least(nodes, ends, self.theirs, self.kept, frozenset(self.again))
        self.peak = max(most, peak(self.front, [self.out, *self.kept], self.theirs))

    def forward(self, nodes: Sequence[Node], keeps: bool) -> Graph:
        """Return what computes the output, and residuals if it keeps them."""
        graph, new = Graph(), {}
        for node in self.given:
            new[node] = graph.node_copy(node)
        reuse = Reuse(nodes, [self.out, *(self.kept if keeps else ())], self.theirs)
        for node in nodes:
            new[node] = reuse.copy(graph, node, new)
        out = new[self.out]
        graph.output((out, tuple(new[node] for node in self.kept)) if keeps else out)
        return graph

    def back(self) -> Graph:
        """Return what pulls back."""
        graph = Graph()
        new: dict[Node, Node] = {}
        box, cotangent = graph.placeholder("residuals"), graph.placeholder("cotangent")
        if self.joint.cotangent is not None:
            cotangent.meta = dict(self.joint.cotangent.meta)
            new[self.joint.cotangent] = cotangent
        held = graph.call_function(residuals.taken, (box,))
        for index, node in enumerate(self.kept):
            new[node] = graph.call_function(operator.getitem, (held, index))
            new[node].meta = dict(node.meta)
        reuse = Reuse(self.pulling, [*filter(None, self.found)], self.theirs)
        for node in self.pulling:
            new[node] = reuse.copy(graph, node, new)
        graph.output(tuple(None if node is None else new[node] for node in self.found))
        return graph

    def _at(self, node: Node) -> int:
        return self.place[node] if node in self.place else self.given.index(node) - len(self.given)

    def _crossing(self, read: Iterable[Node]) -> set[Node]:
        return {one for one in read if one in self.place or one.op == "placeholder"}

    def _again(self, crossing: set[Node], whole: set[int]) -> set[Node]:
        """Return what is made again: elementwise results and views of what is kept in any case.

        What lies in the storages of `whole` is not, unless it hangs on what the graph takes alone.
        """
        there = {node for node in crossing if node not in self.place}
        there |= {node for node in self.given if "val" not in node.meta}  # a key, which is small
        there |= {*self.sizes, *(self.given if self.fused else ())}
        again: set[Node] = set()
        free = {*self.given, *self.sizes}
        for node in sorted(crossing & self.place.keys(), key=self._at):
            chain = self._chain(node, there) or set()
            if chain and {n for link in chain for n in link.all_input_nodes} <= chain | free:
                free.add(node)
            elif not whole.isdisjoint(key for key, _ in storages(node)):
                chain = set()
            again |= chain
            there.add(node)
        return again

    def _chain(self, node: Node, there: set[Node]) -> set[Node] | None:
        """Return the nodes that make a node of what is there, None if others are needed."""
        touched = {key for one in (node, *node.all_input_nodes) for key, _ in storages(one)}
        if not is_scalar(node) and (
            node.target not in _CHEAP or not self.written.isdisjoint(touched)
        ):
            return None
        chain = {node}
        for one in node.all_input_nodes:
            if one not in there and (is_scalar(one) or not is_scalar(node)):
                below = self._chain(one, there)
                if below is None:
                    return None
                chain |= below
        return chain


def _sizes(nodes: Iterable[Node]) -> dict[Node, None]:
    """Return what stands for open sizes of what a graph takes, in the order of the graph."""
    found: dict[Node, None] = {}
    for node in filter(is_scalar, nodes):
        if all(one.op == "placeholder" or one in found for one in node.all_input_nodes):
            found[node] = None
    return found


def _parts(joint: Joint) -> tuple[list[Any], list[Node], list[Node]]:
    """Return what the graph returns, its calls ahead of the cotangent, and those behind."""
    nodes = [node for node in joint.graph.nodes if node.op not in ("placeholder", "output")]
    end = len(nodes) if joint.cotangent is None else nodes.index(joint.cotangent)
    (found,) = joint.graph.output_node().args
    return list(found), nodes[:end], nodes[end + 1 :]  # type: ignore[arg-type]
