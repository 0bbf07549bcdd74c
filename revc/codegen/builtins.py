"""The built-in nets: how each is made as a module, and how its call is emitted.

`EMITTERS[name]` gets the call's arguments as nodes, the net's parameters in the module's order, and
the settings of its signature; `RECIPES[name]` tells which module holds the parameters.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.fx import Node

from revc.codegen import ops
from revc.codegen.elementwise import binary, unary
from revc.codegen.tape import Tape
from revc.ir.dims import Dim
from revc.ir.nets import Builtin, NetSlot
from revc.runtime import nets

aten = torch.ops.aten


@dataclass(frozen=True)
class Call:
    """One call of a built-in net.

    `sizes` are the arguments' sizes on the axis on which they are joined; `tied` is the borrowed
    weight, if any.
    """

    args: tuple[Node, ...]
    params: tuple[Node, ...]
    sizes: tuple[int, ...]
    settings: dict[str, Any]
    tied: Node | None = None


def joined(tape: Tape, call: Call, axis: int = -1) -> Node:
    """Concatenate the arguments, as several arguments of a net mean."""
    return ops.concat(tape, call.args, call.sizes, axis)


def _linear(tape: Tape, call: Call) -> Node:
    own = list(call.params)
    weight = call.tied if call.tied is not None else own.pop(0)
    return ops.linear(tape, joined(tape, call), weight, own[0] if own else None)


def _attention(tape: Tape, call: Call) -> Node:
    s = call.settings
    heads, kv_heads = s["heads"], s["kv_heads"]
    size, causal, window = call.sizes[0] // heads, s["causal"], s["window"]
    weight_qkv, bias_qkv, weight_out, bias_out = call.params
    qkv = ops.linear(tape, call.args[0], weight_qkv, bias_qkv)
    unflatten, flatten = aten.unflatten.int, aten.flatten.using_ints
    swap = (aten.transpose.int, 1, 2)
    split = ops.view(tape, qkv, (unflatten, -1, [-1, size]), (flatten, -2, -1))
    split = ops.view(tape, split, swap, swap)
    q, k, v = ops.split(tape, split, (heads, kv_heads, kv_heads), 1)
    if s["rotary"]:
        q, k = ops.rotate(tape, q), ops.rotate(tape, k)
    k, v = (ops.repeat_heads(tape, x, kv_heads, heads // kv_heads) for x in (k, v))
    out = ops.view(tape, ops.attend(tape, q, k, v, causal, window), swap, swap)
    out = ops.view(tape, out, (flatten, -2, -1), (unflatten, -1, [-1, size]))
    return ops.linear(tape, out, weight_out, bias_out)


def _mlp(tape: Tape, call: Call) -> Node:
    weight_in, bias_in, weight_out, bias_out = call.params
    hidden = ops.linear(tape, joined(tape, call), weight_in, bias_in)
    act = call.settings["act"]
    if act == "swiglu":
        gate, value = ops.split(tape, hidden, [call.settings["width"]] * 2, -1)
        hidden = binary(tape, "mul", unary(tape, "silu", gate), value, (False, False))
        hidden.meta["dtype"] = gate.meta.get("dtype")
    else:
        hidden = unary(tape, act, hidden)
    return ops.linear(tape, hidden, weight_out, bias_out)


def _conv(tape: Tape, call: Call) -> Node:
    x, half = joined(tape, call, 1), len(call.params) // 2
    for depth, (weight, bias) in enumerate(
        zip(call.params[:half], call.params[half:], strict=True)
    ):
        x = unary(tape, call.settings["act"], x) if depth else x
        x = ops.convolution(tape, x, weight, bias, call.settings["kernel"] // 2)
    return x


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
    return ops.token_loss(tape, call.args[0], call.args[1], weight, call.settings["chunk"])


EMITTERS: dict[str, Callable[[Tape, Call], Node]] = {
    "linear": _linear,
    "gate": _linear,
    "attention": _attention,
    "mlp": _mlp,
    "conv": _conv,
    "norm": _norm,
    "embedding": _embedding,
    "parameter": _parameter,
    "cross_entropy": _cross_entropy,
}

Recipe = tuple[type[nn.Module], tuple[Any, ...]]
RECIPES: dict[str, Callable[[int, int, dict[str, Any], bool], Recipe]] = {
    "linear": lambda n, out, s, tied: (nets.Linear, (n, out, s["bias"], tied)),
    "gate": lambda n, out, s, tied: (nets.Gate, (n, out)),
    "attention": lambda n, out, s, tied: (
        nets.Attention,
        (n, s["heads"], s["kv_heads"], s["causal"], s["rotary"], s["window"]),
    ),
    "mlp": lambda n, out, s, tied: (nets.Mlp, (n, s["width"], out, s["act"])),
    "conv": lambda n, out, s, tied: (
        nets.Conv,
        (n, s["width"], out, s["kernel"], s["layers"], s["act"]),
    ),
    "norm": lambda n, out, s, tied: (nets.Norm, (n, s["kind"], float(s["eps"]))),
    "embedding": lambda n, out, s, tied: (nets.Embedding, (s["size"], out)),
    "parameter": lambda n, out, s, tied: (nets.Parameter, (s["shape"], s["init"])),
    "cross_entropy": lambda n, out, s, tied: (nets.CrossEntropy, (n, s["out"], s["chunk"], tied)),
    "dropout": lambda n, out, s, tied: (nets.Dropout, (float(s["p"]),)),
    "lu": lambda n, out, s, tied: (nets.LU, (out,)),
    "orthogonal": lambda n, out, s, tied: (nets.Orthogonal, (out,)),
    "householder": lambda n, out, s, tied: (nets.Householder, (out, s["k"])),
}


def settings_of(source: Builtin) -> dict[str, Any]:
    """Return the settings with every dim as the int it is bound to."""
    return {name: _plain(value) for name, value in source.settings.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, Dim):
        return value.integer
    if isinstance(value, tuple):
        return tuple(_plain(item) for item in value)
    return value


def join_axis(name: str) -> int:
    """Return the axis, from the end, on which a net's arguments are joined and `out` is counted."""
    return -3 if name == "conv" else -1


def sizes_of(slot: NetSlot, name: str) -> tuple[int, ...]:
    """Return the bound sizes of the slot's inputs on their joined axis; a label has none."""
    axis = join_axis(name)
    known = [i.shape[axis].integer for i in slot.inputs if i.numerics.kind != "label"]
    return tuple(size for size in known if size is not None)


def recipe(slot: NetSlot) -> tuple[type[nn.Module], tuple[Any, ...]]:
    """Return the class of a built-in slot's module, and what it is made with."""
    source = slot.source
    if not isinstance(source, Builtin):
        raise TypeError(f"{slot.name} is not a built-in net")
    axis = join_axis(source.name)
    out = slot.output[axis].integer if slot.output else None
    inputs = sum(sizes_of(slot, source.name))
    return RECIPES[source.name](inputs, out or 0, settings_of(source), source.tied is not None)


def make(slot: NetSlot) -> nn.Module:
    """Make the module of a built-in slot, with fresh parameters from torch's generator."""
    kind, args = recipe(slot)
    return kind(*args)


def parameter_count(slot: NetSlot) -> int:
    """Return how many parameter tensors a built-in slot's module has."""
    source = slot.source
    if not isinstance(source, Builtin):
        raise TypeError(f"{slot.name} is not a built-in net")
    own = 0 if source.tied is not None else 1
    match source.name:
        case "linear":
            return own + bool(source.settings["bias"])
        case "cross_entropy":
            return own
        case "norm":
            return 2 if source.settings["kind"] == "layer" else 1
        case "conv":
            return 2 * settings_of(source)["layers"]
    return {"gate": 2, "attention": 4, "mlp": 4, "dropout": 0}.get(source.name, 1)
