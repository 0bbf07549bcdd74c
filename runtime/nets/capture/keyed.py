"""Random calls of a traced graph, made draws from a key that the graph takes as its last input."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.fx import Graph, Node

from revc.runtime.nets import draws
from revc.runtime.nets.capture.memory import is_random, tensors, writes
from revc.runtime.nets.capture.refusal import Refusal
from revc.runtime.open_sizes import computed

aten = torch.ops.aten

_FRESH = (aten.empty_like.default, aten.empty.memory_format, aten.new_empty.default)
_SCALED_ON = ("cpu",)
"""Where torch scales the mask of a dropout, and not the result."""
Args = tuple[Any, ...]
Named = Callable[..., tuple[Any, Args]]
"""What stands for an operator, called with its arguments: a draw, and what that needs."""


def _bernoulli(_: Any, p: float = 0.5, **_more: Any) -> tuple[Any, Args]:
    return draws.bernoulli, (p, 1.0)


def _bernoulli_of(_: Any, p: Any, **_more: Any) -> tuple[Any, Args]:
    return draws.bernoulli_of, (p,)


def _uniform(_: Any, low: float = 0.0, high: float = 1.0, **_more: Any) -> tuple[Any, Args]:
    return draws.uniform, (low, high)


def _normal(_: Any, mean: float = 0.0, std: float = 1.0, **_more: Any) -> tuple[Any, Args]:
    return draws.normal, (mean, std)


def _exponential(_: Any, rate: float = 1.0, **_more: Any) -> tuple[Any, Args]:
    return draws.exponential, (rate,)


def _below(high: int, *_: Any, **_more: Any) -> tuple[Any, Args]:
    return draws.integers, (0, high)


_DRAWN: dict[Any, Named] = {
    aten.bernoulli_.float: _bernoulli,
    aten.bernoulli_.Tensor: _bernoulli_of,
    aten.bernoulli.p: _bernoulli,
    aten.bernoulli.default: lambda p, **_: (draws.bernoulli_of, (p,)),
    aten.rand.default: lambda *_, **__: (draws.uniform, (0.0, 1.0)),
    aten.rand_like.default: lambda *_, **__: (draws.uniform, (0.0, 1.0)),
    aten.uniform_.default: _uniform,
    aten.randn.default: lambda *_, **__: (draws.normal, (0.0, 1.0)),
    aten.randn_like.default: lambda *_, **__: (draws.normal, (0.0, 1.0)),
    aten.normal_.default: _normal,
    aten.exponential_.default: _exponential,
    aten.randint.default: _below,
    aten.randint.low: lambda low, high, *_, **__: (draws.integers, (low, high)),
    aten.randint_like.default: lambda _, high, **__: (draws.integers, (0, high)),
    aten.randint_like.low_dtype: lambda _, low, high, **__: (draws.integers, (low, high)),
    aten.randperm.default: lambda *_, **__: (draws.permutation, ()),
}


def random_attention(graph: Graph) -> bool:
    """Say whether a kernel of attention drops weights: what it is made of can draw from a key."""
    return any(is_random(node) and "attention" in str(node.target) for node in graph.nodes)


def keyed(graph: Graph, cotangent: Node | None) -> tuple[str, ...]:
    """Let all that draws do so from a key, a new last input; return which operators did.

    Raises:
        Refusal: an operator has no such form, has a generator of its own, or pulls back.
    """
    found = [node for node in graph.nodes if is_random(node)]
    if not found:
        return ()
    names = tuple(sorted({str(node.target) for node in found}))
    order = {node: index for index, node in enumerate(graph.nodes)}
    if cotangent is not None and order[found[-1]] > order[cotangent]:
        raise Refusal(f"what pulls it back draws random numbers ({found[-1].target})", draws=True)
    *_, last = graph.find_nodes(op="placeholder")
    with graph.inserting_after(last):
        key = graph.placeholder("key")
    for number, node in enumerate(found):
        _draw(graph, node, key, number)
    if cotangent is not None:
        _draw_again(graph, cotangent)
    return names


def _draw_again(graph: Graph, cotangent: Node) -> None:
    """Let what pulls back draw its masks again: nothing is held for them, and little computed."""
    order = {node: index for index, node in enumerate(graph.nodes)}
    for mask in graph.find_nodes(op="call_function", target=draws.bernoulli):
        late = [user for user in mask.users if order[user] > order[cotangent]]
        if late and not any(map(writes, mask.users)):
            with graph.inserting_before(min(late, key=order.__getitem__)):
                again = graph.node_copy(mask)
            again.meta = {"val": torch.empty_like(mask.meta["val"])}
            for user in late:
                user.replace_input_with(mask, again)


def _draw(graph: Graph, node: Node, key: Node, number: int) -> None:
    """Replace a call by one that draws from the key, draw `number` of the net."""
    if node.kwargs.get("generator") is not None:
        raise Refusal(f"it draws from a generator of its own ({node.target})", draws=True)
    if node.target is aten.native_dropout.default:
        _dropout(graph, node, key, number)
        return
    target: Any = node.target
    if target not in _DRAWN:
        why = f"it draws by {node.target}, which has no form that draws from a key"
        raise Refusal(why, draws=True)
    function, args = _DRAWN[target](*node.args, **node.kwargs)
    (value,) = tensors(node)
    with graph.inserting_before(node):
        made = graph.call_function(function, (key, number, *args, *_form(graph, value)))
        written = node.args[0] if target._schema.is_mutable else None
        if isinstance(written, Node) and not _is_own(written, node):
            made.meta = {"val": torch.empty_like(value)}
            made = graph.call_function(aten.copy_.default, (written, made))
        made.meta = dict(node.meta)
    node.replace_all_uses_with(made)
    graph.erase_node(node)
    if isinstance(written, Node) and not written.users:
        graph.erase_node(written)
        _scale(graph, made)


def _dropout(graph: Graph, node: Node, key: Node, number: int) -> None:
    """Let a mask be drawn, and scaled where torch does on the device: it can be made again."""
    x, p, train = node.args
    if train is not True or not isinstance(p, float) or not 0 < p < 1:
        node.target, node.args = draws.dropout, (key, number, *node.args)
        return
    value, drawn = tensors(node)
    over, scale = (1 - p, 1.0) if value.device.type in _SCALED_ON else (1.0, 1 / (1 - p))
    like = torch.empty_like(drawn if over == 1 else value)
    with graph.inserting_before(node):
        args = key, number, 1 - p, over, *_form(graph, like)
        mask = graph.call_function(draws.bernoulli, args)
    mask.meta = {"val": like}
    for part in [*node.users]:
        if part.args[1] == 0:
            _mask(graph, part, x, mask, scale)
            continue
        for user in [*part.users]:
            pulls = user.target is aten.native_dropout_backward.default
            if pulls and user.args[1:] == (part, 1 / (1 - p)):
                _mask(graph, user, user.args[0], mask, scale)
        part.target, part.args = aten.ne.Scalar, (mask, 0)
        if not part.users:
            graph.erase_node(part)
    graph.erase_node(node)


def _mask(graph: Graph, node: Node, x: Any, mask: Node, scale: float) -> None:
    """Replace a node by x with a mask, scaled."""
    made = x
    with graph.inserting_before(node):
        for factor in (mask, scale) if scale != 1 else (mask,):
            made = graph.call_function(aten.mul.Tensor, (made, factor))
            made.meta = {"val": torch.empty_like(node.meta["val"])}
    made.meta = dict(node.meta)
    node.replace_all_uses_with(made)
    graph.erase_node(node)


def _form(graph: Graph, value: Tensor) -> Args:
    """Return the form of what is drawn for a tensor, with nodes for open sizes."""
    form = draws.form_of(torch.empty_like(value))
    try:
        size = tuple([computed(graph, one) for one in form.size])
        stride = None if form.stride is None else [computed(graph, one) for one in form.stride]
    except LookupError as error:
        raise Refusal(f"it draws numbers of size {error}", draws=True) from error
    return size, stride, form.dtype, form.device


def _scale(graph: Graph, made: Node) -> None:
    """Let a mask that is scaled in place, first of all, be made so: it can then be made again."""
    first = next((node for node in graph.nodes if made in node.all_input_nodes), None)
    if first is None or first.target is not aten.div_.Scalar or made.target is not draws.bernoulli:
        return
    key, number, p, _, *form = made.args
    made.args = (key, number, p, first.args[1], *form)
    first.replace_all_uses_with(made)
    graph.erase_node(first)


def _is_own(written: Node, by: Node) -> bool:
    """Say whether memory is made for one call, which fills it."""
    return written.target in _FRESH and set(written.users) == {by}
