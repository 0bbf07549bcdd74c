"""The built-in nets in torch: how the call of each kind is emitted, and how its module is made.

`EMITTERS[name]` gets the call's arguments as nodes, the net's parameters in order, and what of its
settings code depends on. What else is known of a kind is in `revc.ir.net_kinds`.
"""

import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import nn
from torch.fx import Node

from revc.codegen import ops
from revc.codegen.elementwise import binary, unary
from revc.codegen.tape import Tape
from revc.ir.net_kinds import arguments_of, builtin, signature_of
from revc.ir.nets import NetSlot
from revc.runtime.nets import tensor_ops

aten = torch.ops.aten


@dataclass(frozen=True)
class Call:
    """One call of a built-in net.

    `sizes` are the arguments' sizes on the axis on which they are joined, `settings` the net's: of
    either only what the kind's row in `NET_KINDS` says that code depends on. `tied` is the borrowed
    weight, if any. `hold(name, node)` gives what stands for one of the kind's `values`.
    """

    args: tuple[Node, ...]
    params: tuple[Node, ...]
    sizes: tuple[int, ...]
    settings: dict[str, Any]
    tied: Node | None = None
    hold: Callable[[str, Node], Node] = lambda _name, node: node

    def held(self, name: str) -> ops.Hold:
        """Return what gives what stands for the value called `name`."""
        return partial(self.hold, name)


JOINING = ("linear", "gate", "mlp", "conv")
"""The nets that read several values as one: joined on an axis."""


def joined(tape: Tape, call: Call, axis: int = -1) -> Node:
    """Concatenate the arguments, as several arguments of a net mean."""
    return ops.concat(tape, call.args, call.sizes, axis)


def _linear(tape: Tape, call: Call) -> Node:
    own = list(call.params)
    weight = call.tied if call.tied is not None else own.pop(0)
    bias = own[0] if own else None
    return ops.linear(tape, joined(tape, call), weight, bias, call.held("out"))


def _attention(tape: Tape, call: Call) -> Node:
    s = call.settings
    heads, kv_heads = s["heads"], s["kv_heads"]
    size, causal, window = call.sizes[0] // heads, s["causal"], s["window"]
    weight_qkv, bias_qkv, weight_out, bias_out = call.params
    qkv = ops.linear(tape, call.args[0], weight_qkv, bias_qkv, call.held("qkv"))
    unflatten, flatten = aten.unflatten.int, aten.flatten.using_ints
    swap = (aten.transpose.int, 1, 2)
    split = ops.view(tape, qkv, (unflatten, -1, [-1, size]), (flatten, -2, -1))
    split = ops.view(tape, split, swap, swap)
    q, k, v = ops.split(tape, split, (heads, kv_heads, kv_heads), 1)
    if s["rotary"]:
        q, k = ops.rotate(tape, q), ops.rotate(tape, k)
    k, v = (ops.repeat_heads(tape, x, kv_heads, heads // kv_heads) for x in (k, v))
    out = ops.attend(tape, q, k, v, causal, window, call.held("attended"))
    out = ops.view(tape, out, swap, swap)
    out = ops.view(tape, out, (flatten, -2, -1), (unflatten, -1, [-1, size]))
    return ops.linear(tape, out, weight_out, bias_out, call.held("out"))


def _mlp(tape: Tape, call: Call) -> Node:
    weight_in, bias_in, weight_out, bias_out = call.params
    hidden = ops.linear(tape, joined(tape, call), weight_in, bias_in, call.held("hidden"))
    act = call.settings["act"]
    if act == "swiglu":
        gate, value = ops.split(tape, hidden, [call.settings["width"]] * 2, -1)
        hidden = binary(tape, "mul", unary(tape, "silu", gate), value, (False, False))
        hidden.meta["dtype"] = gate.meta.get("dtype")
    else:
        hidden = unary(tape, act, hidden)
    return ops.linear(tape, hidden, weight_out, bias_out, call.held("out"))


def _conv(tape: Tape, call: Call) -> Node:
    x, half = joined(tape, call, 1), len(call.params) // 2
    for depth, (weight, bias) in enumerate(
        zip(call.params[:half], call.params[half:], strict=True)
    ):
        x = unary(tape, call.settings["act"], x) if depth else x
        hold = call.held("out" if depth == half - 1 else f"hidden_{depth}")
        stride = 1 if depth else call.settings["stride"]
        padding = tensor_ops.padding(call.settings["kernel"], stride)
        x = ops.convolution(tape, x, weight, bias, padding, stride, hold)
    return x


def _pool(tape: Tape, call: Call) -> Node:
    pool = ops.max_pool if call.settings["kind"] == "max" else ops.mean_pool
    return pool(tape, call.args[0], call.settings["kernel"], call.settings["stride"])


def _mean(tape: Tape, call: Call) -> Node:
    return ops.mean(tape, call.args[0], call.settings["along"])


def _group_norm(tape: Tape, call: Call) -> Node:
    weight, bias = call.params
    groups, eps = call.settings["groups"], float(call.settings["eps"])
    return ops.group_norm(tape, call.args[0], weight, bias, groups, eps)


def _norm(tape: Tape, call: Call) -> Node:
    eps = float(call.settings["eps"])
    if call.settings["kind"] == "layer":
        weight, bias = call.params
        return ops.layer_norm(tape, call.args[0], call.sizes[0], weight, bias, eps)
    return ops.rms_norm(tape, call.args[0], call.params[0], eps)


def _embedding(tape: Tape, call: Call) -> Node:
    return ops.embedding(tape, call.params[0], call.args[0], call.settings["size"])


def _parameter(tape: Tape, call: Call) -> Node:
    # Its cotangent is the target's own, which changes later: hence the copy.
    return ops.view(tape, call.params[0], (aten.alias.default,), (aten.clone.default,))


def _cross_entropy(tape: Tape, call: Call) -> Node:
    weight = call.tied if call.tied is not None else call.params[0]
    chunk = call.settings["chunk"]
    return ops.token_loss(tape, call.args[0], call.args[1], weight, chunk, call.held("out"))


EMITTERS: dict[str, Callable[[Tape, Call], Node]] = {
    "linear": _linear,
    "gate": _linear,
    "attention": _attention,
    "mlp": _mlp,
    "conv": _conv,
    "pool": _pool,
    "mean": _mean,
    "norm": _norm,
    "group_norm": _group_norm,
    "embedding": _embedding,
    "parameter": _parameter,
    "cross_entropy": _cross_entropy,
}


def module_class(slot: NetSlot) -> type[nn.Module]:
    """Return the class of a built-in slot's module."""
    found: type[nn.Module] = pkgutil.resolve_name(signature_of(builtin(slot)).torch)
    return found


def make(slot: NetSlot) -> nn.Module:
    """Make the module of a built-in slot, with fresh parameters from torch's generator."""
    return module_class(slot)(**arguments_of(slot))
