"""The last pass over a graph: drop dead code, rebuild cheap reads, reuse dead buffers.

An elementwise operation whose operand dies with it writes its result into the operand's buffer
through the operator's ``out=`` variant; the same kernel runs, so the bits are the same. A buffer is
dead when no view of it has a later use.
"""

import operator
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn
from torch.fx import Graph, Node

from revc.codegen.lowered import Lowered
from revc.runtime import cotangents, residuals
from revc.runtime.nets import brought, tensor_ops
from revc.runtime.nets.written_over import OUT
from revc.runtime.state import alloc_health, boundary, lattice

aten = torch.ops.aten

# Calls whose result may share its operand's memory.
VIEWS = {
    aten.flatten.using_ints, aten.unflatten.int, aten.transpose.int, aten.t.default,
    aten.permute.default, aten.select.int, aten.slice.Tensor, aten.reshape.default,
    aten.contiguous.default, aten.to.dtype, aten.expand.default, aten.alias.default,
    aten.chunk.default, aten.split_with_sizes.default, aten.tensor_split.sections, brought.run,
    brought.value, brought.coded, brought.check_shape, boundary.dense, tensor_ops.whole,
    alloc_health.damp, residuals.taken,
}  # fmt: skip


def finish(modules: Mapping[str, nn.Module], graph: Graph, name: str) -> Lowered:
    """Optimise a graph and wrap it as a module called `name`."""
    rebuild_cheap(graph)
    fuse_sums(graph)
    drop_dead(graph)
    drop_handles(graph)
    reuse_buffers(graph)
    graph.lint()
    return Lowered(modules, graph, name)


def base_of(node: Node) -> Node:
    """Return the node whose memory `node` may share: itself, if it is fresh."""
    while node.op == "call_function":
        if "over" in node.meta:
            node = node.meta["over"]
            continue
        owner = node.args[0] if node.args else None
        picks = node.target is operator.getitem and isinstance(owner, Node)
        if not isinstance(owner, Node) or not (node.target in VIEWS or (picks and _views(owner))):
            return node
        node = owner
    return node


def _views(owner: Node) -> bool:
    return owner.op != "call_function" or owner.target in VIEWS


def is_fresh(node: Node) -> bool:
    """Say whether the graph itself made the memory of `node`."""
    base = base_of(node)
    return base.op == "call_function" and base.target not in (brought.run, brought.value)


def drop_dead(graph: Graph) -> None:
    """Remove calls without users, but for those that change their argument."""
    for node in reversed(graph.nodes):
        effect = node.op in ("placeholder", "output") or node.meta.get("effect")
        if not node.users and not effect:
            graph.erase_node(node)


def drop_handles(graph: Graph) -> None:
    """Evaluate brought nets that are not pulled back without what that would need."""
    for node in graph.nodes:
        if node.target is brought.run and all(user.args[1] == 0 for user in node.users):
            node.target = brought.value


def rebuild_cheap(graph: Graph) -> None:
    """Decode a register again for the VJP, rather than hold the decoded copy all along."""
    order: dict[Node, float] = {node: index for index, node in enumerate(graph.nodes)}
    for node in list(graph.nodes):
        if not node.meta.get("cheap"):
            continue
        late = [user for user in node.users if user.meta.get("pulling")]
        if len(late) in (0, len(node.users)):
            continue
        first = min(late, key=order.__getitem__)
        with graph.inserting_before(first):
            again = graph.node_copy(node, lambda n: n)
        order[again] = order[first] - 0.5
        for user in late:
            user.replace_input_with(node, again)


def fuse_sums(graph: Graph) -> None:
    """Add a product to a gathered cotangent in the product itself, without a temporary."""
    order = {node: index for index, node in enumerate(graph.nodes)}
    for node in list(graph.nodes):
        if node.op != "call_function" or node.target is not cotangents.add:
            continue
        total, part = node.args
        product = _product(part)
        if product is None or not isinstance(total, Node):
            continue
        if order.get(total, len(order)) > order[product]:
            continue
        with graph.inserting_before(product):
            fused = graph.call_function(cotangents.add_product, (total, *product.args))
        fused.meta["effect"] = True
        order[fused] = order[product]
        node.replace_all_uses_with(fused)
        graph.erase_node(node)


def _product(part: Any) -> Node | None:
    """Return the product that a sum alone uses, cast to its dtype or not."""
    while isinstance(part, Node) and len(part.users) == 1:
        if part.target is aten.mm.default:
            return part
        part = part.args[0] if part.target is aten.to.dtype else None
    return None


def reuse_buffers(graph: Graph) -> None:
    """Give elementwise results the buffer of an operand that dies."""
    order = {node: index for index, node in enumerate(graph.nodes)}
    last: dict[Node, int] = {}
    for node in graph.nodes:
        base = base_of(node)
        uses = [order[user] for user in node.users]
        last[base] = max(last.get(base, -1), order[node], *uses)
    for node in graph.nodes:
        if node.op == "call_function" and node.target in (brought.run, brought.value):
            _keep_inputs(node, order, last)
    for node in graph.nodes:
        if node.op != "call_function":
            continue
        if node.target is lattice.add_:
            _consume(node, order, last)
        elif node.meta.get("same") and node.target in OUT:
            _write_over(node, order, last)


def _keep_inputs(run: Node, order: dict[Node, int], last: dict[Node, int]) -> None:
    """Keep what a brought net reads until its result is used and its gradient is pulled.

    Autograd may have saved it, and a net may return it.
    """
    end = _last_use(run, order)
    for arg in run.args:
        if isinstance(arg, Node):
            base = base_of(arg)
            last[base] = max(last.get(base, -1), end)


def _last_use(node: Node, order: dict[Node, int]) -> int:
    """Return where a node, or what may share its memory, is used last."""
    views = [user for user in node.users if user.target in VIEWS or user.target is operator.getitem]
    ends = [*map(order.__getitem__, node.users), *(_last_use(user, order) for user in views)]
    return max(ends, default=order[node])


def _dies(operand: Any, at: Node, order: dict[Node, int], last: dict[Node, int]) -> bool:
    if not isinstance(operand, Node) or not is_fresh(operand):
        return False
    return last[base_of(operand)] == order[at]


def _consume(node: Node, order: dict[Node, int], last: dict[Node, int]) -> None:
    if _dies(node.args[1], node, order, last):
        node.args = (*node.args[:4], True)


def _write_over(node: Node, order: dict[Node, int], last: dict[Node, int]) -> None:
    operands = [arg for arg in node.args if isinstance(arg, Node) and not arg.meta.get("number")]
    dtypes = {operand.meta.get("dtype") for operand in operands}
    if len(dtypes) != 1 or None in dtypes:
        return
    for operand in operands:
        if _dies(operand, node, order, last):
            target, keyword = OUT[node.target]  # type: ignore[index]
            node.target = target
            node.kwargs = {**node.kwargs, keyword: operand}
            base = base_of(operand)
            last[base] = max(last[base], last[base_of(node)])
            node.meta["over"] = operand
            return
