"""Whether a module keeps the examples of a batch apart, found on its graph.

Where a program runs a net in pieces along the batch, one that mixes examples must run whole. Two
graphs of it are traced, for the whole batch and for a piece: in the first each value is followed
from the inputs, whose first axis counts the examples (`apart`), and the second must be the same but
for sizes, so that no number of the batch's size has come into it. What is not known mixes.
"""

import operator
import weakref
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.fx import Node

from revc.runtime.nets import draws
from revc.runtime.nets.capture import apart
from revc.runtime.nets.capture.apart import Rule
from revc.runtime.nets.capture.axes import EVEN, SAME, Along, Call, Form, Mixed
from revc.runtime.nets.capture.look import Look
from revc.runtime.nets.capture.memory import Order, tensors, written_by
from revc.runtime.nets.capture.refusal import Refusal
from revc.runtime.nets.capture.trace import Joint, Sample, trace

aten = torch.ops.aten

_RULES: dict[Rule, str] = {
    apart.same: """clone.default detach.default _to_copy.default alias.default
        lift_fresh_copy.default""",
    apart.viewed: "view.default _unsafe_view.default reshape.default",
    apart.transposed: "transpose.int t.default",
    apart.permuted: "permute.default",
    apart.expanded: "expand.default",
    apart.unsqueezed: "unsqueeze.default",
    apart.squeezed: "squeeze.dim squeeze.dims",
    apart.chosen: "select.int",
    apart.cut: "slice.Tensor narrow.default",
    apart.parted: "split.Tensor unsafe_split.Tensor split_with_sizes.default chunk.default",
    apart.unbound: "unbind.int",
    apart.joined: "cat.default",
    apart.stacked: "stack.default",
    apart.reduced: "sum.dim_IntList mean.dim amax.default amin.default logsumexp.default any.dim",
    partial(apart.reduced, keep=3): "var.correction var_mean.correction std.correction",
    partial(apart.reduced, place=2, keep=3): "linalg_vector_norm.default norm.ScalarOpt_dim",
    apart.within: "_softmax.default _log_softmax.default cumsum.default sort.default glu.default",
    apart.multiplied: "mm.default bmm.default",
    partial(apart.multiplied, first=1): "addmm.default baddbmm.default",
    apart.normed: "native_layer_norm.default _fused_rms_norm.default",
    apart.first_axis: """native_group_norm.default im2col.default convolution.default
        pixel_shuffle.default pixel_unshuffle.default""",
    partial(apart.in_front, inner=2): """max_pool2d_with_indices.default avg_pool2d.default
        _adaptive_avg_pool2d.default upsample_bilinear2d.vec upsample_bilinear2d.default
        upsample_nearest2d.vec upsample_nearest2d.default tril.default triu.default""",
    apart.batch_norm: "native_batch_norm.default _native_batch_norm_legit.default",
    apart.attended: """_scaled_dot_product_flash_attention_for_cpu.default
        _scaled_dot_product_efficient_attention.default _scaled_dot_product_flash_attention.default
        _scaled_dot_product_cudnn_attention.default""",
    apart.looked_up: "embedding.default",
    apart.padded: "constant_pad_nd.default",
}  # fmt: skip
_FILLED = """
    empty_like.default zeros_like.default ones_like.default full_like.default empty.memory_format
    zeros.default ones.default full.default new_zeros.default new_ones.default new_full.default
    new_empty.default scalar_tensor.default
"""


def _operator(name: str) -> Any:
    packet, _, overload = name.partition(".")
    return getattr(getattr(aten, packet, None), overload, None)


_OF = {_operator(name): rule for rule, names in _RULES.items() for name in names.split()}
_EVEN = {_operator(name) for name in _FILLED.split()} | {*draws.ALL} - {
    draws.dropout,
    draws.bernoulli_of,
}
_SHAPED = {
    _operator(name)
    for rule in (apart.same, apart.viewed, apart.transposed, apart.permuted, apart.expanded,
                 apart.unsqueezed, apart.squeezed)
    for name in _RULES[rule].split()
}  # fmt: skip
_RESIZED = {_operator(n) for r in (apart.viewed, apart.expanded) for n in _RULES[r].split()}

_known: "weakref.WeakKeyDictionary[nn.Module, dict[Any, tuple[Any, str]]]" = (
    weakref.WeakKeyDictionary()
)


def mixes(
    module: nn.Module, sample: Sample, piece: Sequence[Tensor], axis: int = 0,
    cut: Sequence[bool] = (True,), look: Look | None = None,
) -> str:  # fmt: skip
    """Return what mixes examples in a module, in words; nothing if it keeps them apart.

    A module that cannot be captured is taken at its word: whoever declared it said so.

    Args:
        module, sample: the module, and what it is traced for: the whole batch.
        piece: inputs of a piece of the batch.
        axis: that of the inputs which counts the examples, or the places of a sequence.
        cut: which inputs have it.
        look: the latest look at the module.
    """
    key = (sample.cast, axis, *cut, *((x.shape, x.dtype) for x in (*sample.inputs, *piece)))
    try:
        now, rows = (look or Look()).settings(module), _known.setdefault(module, {})
    except Refusal:
        return ""
    if key not in rows or rows[key][0] != now:
        rows[key] = now, _found(module, sample, piece, axis, cut)
    return rows[key][1]


def told(module: nn.Module) -> str:
    """Return what was found to mix examples in a module when it was last asked, if anything."""
    return next((why for _, why in reversed(_known.get(module, {}).values())), "")


def _found(
    module: nn.Module, sample: Sample, piece: Sequence[Tensor], axis: int, cut: Sequence[bool]
) -> str:
    try:
        whole = trace(module, sample)
    except Refusal:
        return ""
    try:
        part = trace(module, sample._replace(inputs=piece))
    except Refusal:
        return "it cannot be traced on a piece of the batch"
    nodes, others = _ahead(whole), _ahead(part)
    try:
        forms, also = (_followed(*one, axis, cut) for one in ((nodes, whole), (others, part)))
    except Mixed as mixed:
        return str(mixed)
    if forms != also or _constants(whole) != _constants(part):
        return _BY_SIZE
    return _unlike(nodes, others)


def _constants(joint: Joint) -> list[Any]:
    """Return the numbers of the tensors that the trace itself holds."""
    held = [getattr(joint.module, str(n.target)) for n in joint.graph.find_nodes(op="get_attr")]
    return [x.tolist() if type(x) is Tensor else object() for x in held]


_BY_SIZE = "the size of the batch decides what it computes"


def _ahead(joint: Joint) -> list[Node]:
    """Return the calls that make the output."""
    nodes = list(joint.graph.nodes)
    if joint.cotangent is not None:
        nodes = nodes[: nodes.index(joint.cotangent)]
    nodes = [node for node in nodes if node.op == "call_function"]
    needed = Order(nodes).ancestors(_ends(joint))
    return [node for node in nodes if node in needed]


def _ends(joint: Joint) -> list[Node]:
    found: Any = joint.graph.output_node().args[0]
    out = found[0]
    return [out] if isinstance(out, Node) else []


def _followed(nodes: Iterable[Node], joint: Joint, axis: int, cut: Sequence[bool]) -> list[Form]:
    """Return the form of each value, in order."""
    given = list(joint.graph.find_nodes(op="placeholder"))
    held = given[:-1] if joint.random else given
    forms: dict[Node, Form] = dict.fromkeys(joint.graph.nodes, SAME)
    counted = [n for n, own in zip(held[len(held) - len(cut) :], cut, strict=True) if own]
    examples = counted[0].meta["val"].shape[axis]
    forms.update(dict.fromkeys(counted, Along(axis)))
    for node in nodes:
        try:
            forms[node] = node.meta["form"] = _form(node, forms, examples)
        except Mixed:
            raise Mixed(f"{_name(node)} mixes examples, or may") from None
    if any(forms[end] != Along(axis) for end in _ends(joint)):
        raise Mixed("its result does not count the examples where its inputs do")
    return [forms[node] for node in nodes]


def _form(node: Node, forms: dict[Node, Form], examples: int) -> Form:
    call = Call(node, forms, examples)
    if node.target is operator.getitem:
        whole = forms[node.args[0]]  # type: ignore[index]
        return whole[node.args[1]] if isinstance(whole, tuple) else whole  # type: ignore[index]
    if node.target in _EVEN:
        return EVEN
    if node.target in (draws.dropout, draws.bernoulli_of):
        form = forms[node.args[2]]  # type: ignore[index]
        return (form, form) if node.target is draws.dropout else form
    read = [forms[one] for one in node.all_input_nodes]
    if written_by(node):
        return _written(node, forms, call)
    if not any(isinstance(form, Along) for form in _flat(read)):
        even = all(form == EVEN for form in read) and (node.target in _SHAPED or _each(node))
        return EVEN if even else SAME
    if node.target in _OF:
        return _OF[node.target](call)
    if _each(node):
        return apart.elementwise(call)
    raise Mixed


def _each(node: Node) -> bool:
    """Say whether a call computes elementwise."""
    target = node.target
    if not isinstance(target, torch._ops.OpOverload):
        return False
    return torch.Tag.pointwise in target.tags or target._schema.name in _ELEMENTWISE


_UNTAGGED = """
    hardswish _prelu_kernel add_ sub_ mul_ div_ relu_ sigmoid_ tanh_ neg_ exp_ sqrt_ clamp_
    clamp_min_ clamp_max_ hardtanh_ leaky_relu_ silu_ gelu_ elu_ masked_fill_ copy_
"""
_ELEMENTWISE = {f"aten::{name}" for name in _UNTAGGED.split()}
"""What computes elementwise and is not tagged so in all releases of torch."""


def _written(node: Node, forms: dict[Node, Form], call: Call) -> Form:
    """Return the form of what is written to elementwise: the one that it has."""
    form = forms[node.args[0]]  # type: ignore[index]
    if not _each(node) or apart.elementwise(call) != form:
        raise Mixed
    return form


def _flat(forms: Iterable[Form]) -> Iterable[Form]:
    for form in forms:
        if isinstance(form, tuple) and not isinstance(form, Along):
            yield from form
        else:
            yield form


def _unlike(whole: list[Node], part: list[Node]) -> str:
    """Return which operator has numbers that hang on the size of the batch."""
    if [node.target for node in whole] != [node.target for node in part]:
        return _BY_SIZE
    for one, other in zip(whole, part, strict=True):
        if _numbers(one) != _numbers(other) or (_is_still(one) and _sizes(one) != _sizes(other)):
            return f"{_name(one)} computes with the size of the batch"
    return ""


def _numbers(node: Node) -> list[Any]:
    """Return the numbers that a call computes with, not the sizes of what it makes or views."""
    if node.target in _RESIZED:
        return []
    found = [*node.args, *node.kwargs.values()]
    if node.target is aten.native_group_norm.default:
        del found[3]  # the number of examples, which the input tells
    if node.target in _EVEN or node.target is draws.bernoulli_of:
        return [x for x in found if isinstance(x, int | float)]
    return [x for x in found if not _has_nodes(x)]


def _has_nodes(value: Any) -> bool:
    return isinstance(value, Node) or (
        isinstance(value, list | tuple) and any(map(_has_nodes, value))
    )


def _is_still(node: Node) -> bool:
    """Say whether a call makes more of what examples have no part in than its elements again."""
    shapes = node.target in _SHAPED or node.target in _EVEN or _each(node)
    return not shapes and node.meta["form"] in (SAME, EVEN)


def _sizes(node: Node) -> list[Any]:
    return [x.shape for one in node.all_input_nodes for x in tensors(one)]


def _name(node: Node) -> str:
    return getattr(node.target, "__name__", "") if node.target in draws.ALL else str(node.target)
