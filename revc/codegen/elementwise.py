"""Elementwise functions and arithmetic: the VJP table, to be read at a glance.

A rule gets the tape, the cotangent g, the operand x and the result y, and returns x's cotangent.
"""

import operator
from collections.abc import Callable
from typing import Any

import torch
from torch.fx import Graph, Node

from revc.codegen.tape import Tape, append
from revc.runtime.nets import tensor_ops

aten = torch.ops.aten
Rule = Callable[[Tape, Node, Node, Node], Node]

# ruff: noqa: E501 - a table
# fmt: off
RULES: dict[str, tuple[Callable[..., Any], Rule]] = {
    "neg":      (aten.neg.default,      lambda t, g, x, y: t.same(aten.neg.default, g)),
    "tanh":     (aten.tanh.default,     lambda t, g, x, y: t.same(aten.tanh_backward.default, g, y)),
    "sigmoid":  (aten.sigmoid.default,  lambda t, g, x, y: t.same(aten.sigmoid_backward.default, g, y)),
    "relu":     (aten.relu.default,     lambda t, g, x, y: t.same(aten.threshold_backward.default, g, y, 0)),
    "gelu":     (aten.gelu.default,     lambda t, g, x, y: t.same(aten.gelu_backward.default, g, x)),
    "silu":     (aten.silu.default,     lambda t, g, x, y: t.same(aten.silu_backward.default, g, x)),
    "softplus": (aten.softplus.default, lambda t, g, x, y: t.same(aten.softplus_backward.default, g, x, 1, 20)),
    "softsign": (tensor_ops.softsign,      lambda t, g, x, y: t.call(tensor_ops.softsign_vjp, g, x)),
    "exp":      (aten.exp.default,      lambda t, g, x, y: mul(t, g, y)),
    "log":      (aten.log.default,      lambda t, g, x, y: t.same(aten.div.Tensor, g, x)),
    "sin":      (aten.sin.default,      lambda t, g, x, y: mul(t, g, t.same(aten.cos.default, x))),
    "cos":      (aten.cos.default,      lambda t, g, x, y: mul(t, g, neg(t, t.same(aten.sin.default, x)))),
    "tan":      (aten.tan.default,      lambda t, g, x, y: mul(t, g, t.call(aten.add.Scalar, mul(t, y, y), 1))),
    "sqrt":     (aten.sqrt.default,     lambda t, g, x, y: t.same(aten.div.Tensor, g, t.call(aten.mul.Scalar, y, 2))),
    "abs":      (aten.abs.default,      lambda t, g, x, y: mul(t, g, t.same(aten.sign.default, x))),
}
# fmt: on


def mul(tape: Tape, a: Node, b: Node) -> Node:
    """Emit the product of two tensors of one shape."""
    return tape.same(aten.mul.Tensor, a, b)


def neg(tape: Tape, a: Node) -> Node:
    """Emit the negative."""
    return tape.same(aten.neg.default, a)


def unary(tape: Tape, function: str, x: Node) -> Node:
    """Apply a function of the table."""
    target, rule = RULES[function]
    y = tape.same(target, x)
    y.meta["dtype"] = x.meta.get("dtype")

    def vjp(g: Node) -> list[tuple[Node, Node]]:
        g = tape.cast(g, y.meta["dtype"]) if y.meta["dtype"] is not None else g
        back = rule(tape, g, x, y)
        back.meta["dtype"] = y.meta["dtype"]
        return [(x, back)]

    return tape.record(y, (x,), vjp)


_NUMBERS = {
    "add": operator.add, "sub": operator.sub, "mul": operator.mul, "div": operator.truediv,
    "floordiv": operator.floordiv,
}  # fmt: skip


def is_tensor(value: Any) -> bool:
    """Say whether an operand is a tensor: a node, but not one that stands for a number."""
    return isinstance(value, Node) and not value.meta.get("number", False)


def binary(tape: Tape, function: str, a: Any, b: Any, reduce: tuple[bool, bool]) -> Any:
    """Combine two operands, tensors or numbers; `reduce` says which of them are broadcast."""
    if not is_tensor(a) and not is_tensor(b):
        return numbers(tape.graph, function, a, b)
    if not is_tensor(a):  # ATen wants its tensor first
        return _number_first(tape, function, a, b)
    target = getattr(aten, function).Tensor
    if not is_tensor(b):
        y = tape.same(target, a, b)
        y.meta["dtype"] = a.meta.get("dtype")
        return tape.record(y, (a,), lambda g: [(a, _by_number(tape, function, g, b))])
    y = (tape.call if any(reduce) else tape.same)(target, a, b)
    return tape.record(y, (a, b), lambda g: _pull(tape, function, g, (a, b, y), reduce))


def numbers(graph: Graph, function: str, a: Any, b: Any) -> Any:
    """Combine two numbers now, or in the graph where a size is known only when it runs."""
    if not isinstance(a, Node) and not isinstance(b, Node):
        return _NUMBERS[function](a, b)
    node = append(graph, _NUMBERS[function], (a, b))
    node.meta["number"] = True
    return node


def _by_number(tape: Tape, function: str, g: Node, number: Any) -> Node:
    if function in ("add", "sub"):
        return g
    return tape.same(getattr(aten, function).Tensor, g, number)


def _number_first(tape: Tape, function: str, number: Any, b: Node) -> Node:
    if function in ("add", "mul"):
        return binary(tape, function, b, number, (False, False))
    if function == "sub":
        return binary(tape, "add", unary(tape, "neg", b), number, (False, False))
    y = tape.same(aten.mul.Tensor, tape.same(aten.reciprocal.default, b), number)
    pull = lambda g: [(b, neg(tape, mul(tape, g, tape.same(aten.div.Tensor, y, b))))]  # noqa: E731
    return tape.record(y, (b,), pull)


def _pull(
    tape: Tape, function: str, g: Node, nodes: tuple[Node, Node, Node], reduce: tuple[bool, bool]
) -> list[tuple[Node, Node]]:
    a, b, y = nodes
    times = lambda left, right: tape.call(aten.mul.Tensor, left, right)  # noqa: E731
    parts = {
        "add": lambda: (g, g),
        "sub": lambda: (g, tape.call(aten.neg.default, g)),
        "mul": lambda: (
            times(g, b) if tape.wants(a) else g,
            times(g, a) if tape.wants(b) else g,
        ),
        "div": lambda: _pull_div(tape, g, b, y),
    }[function]()
    return [
        (node, tape.call(tensor_ops.reduce_like, part, node) if broadcast else part)
        for node, part, broadcast in zip((a, b), parts, reduce, strict=True)
        if tape.wants(node)
    ]


def _pull_div(tape: Tape, g: Node, b: Node, y: Node) -> tuple[Node, Node]:
    by_a = tape.call(aten.div.Tensor, g, b)
    return by_a, tape.call(aten.neg.default, tape.call(aten.mul.Tensor, by_a, y))
