"""Differentiable operations on a tape: the emission of each beside its VJP.

Parameters' cotangents are emitted before inputs', so that a buffer dies as early as it can.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch.fx import Node

from revc.codegen.tape import Tape
from revc.runtime.nets import attention_kernels, cross_entropy, tensor_ops

aten = torch.ops.aten

Hold = Callable[[Node], Node]
"""What stands for a value that was computed: itself, or what a run has kept of it."""


def itself(node: Node) -> Node:
    """Return a value as it was computed."""
    return node


def linear(tape: Tape, x: Node, weight: Node, bias: Node | None, hold: Hold = itself) -> Node:
    """``x W' + b`` on the last axis, in the matmuls' dtype."""
    x, weight = tape.lower(x), tape.lower(weight)
    bias = tape.lower(bias) if bias is not None else None
    out = tape.call(aten.linear.default, x, weight, bias)
    out.meta["dtype"] = tape.low
    out = hold(out)

    def vjp(g: Node) -> list[tuple[Node, Node]]:
        g = tape.cast(g, tape.low)
        flat = tape.call(aten.flatten.using_ints, g, 0, -2)
        found = []
        if tape.wants(bias) and bias is not None:
            found.append((bias, tape.call(aten.sum.dim_IntList, flat, [0])))
        if tape.wants(weight):
            rows = tape.call(aten.flatten.using_ints, x, 0, -2)
            across = tape.call(aten.t.default, flat)
            found.append((weight, tape.call(aten.mm.default, across, rows)))
        if tape.wants(x):
            by_x = tape.call(aten.matmul.default, g, weight)
            by_x.meta["dtype"] = tape.low
            found.append((x, by_x))
        return found

    return tape.record(out, (x, weight, bias), vjp)


def layer_norm(tape: Tape, x: Node, size: int, weight: Node, bias: Node, eps: float) -> Node:
    """Layer norm over the last axis, of `size`."""
    x = tape.higher(x)
    both = tape.call(aten.native_layer_norm.default, x, [size], weight, bias, eps)
    out, mean, rstd = (tape.item(both, i) for i in range(3))
    out.meta["dtype"] = tape.dtype

    def vjp(g: Node) -> list[tuple[Node, Node]]:
        mask = [True, True, True]
        g = tape.cast(g, tape.dtype)
        back = tape.call(
            aten.native_layer_norm_backward.default, g, x, [size], mean, rstd, weight, bias, mask
        )
        return [(node, tape.item(back, i)) for i, node in enumerate((x, weight, bias))]

    return tape.record(out, (x, weight, bias), vjp)


def rms_norm(tape: Tape, x: Node, weight: Node, eps: float) -> Node:
    """Root-mean-square norm over the last axis."""
    x = tape.higher(x)
    both = tape.call(tensor_ops.rms_norm, x, weight, eps)
    out, scale = tape.item(both, 0), tape.item(both, 1)
    out.meta["dtype"] = tape.dtype

    def vjp(g: Node) -> list[tuple[Node, Node]]:
        g = tape.cast(g, tape.dtype)
        back = tape.call(tensor_ops.rms_norm_vjp, g, x, scale, weight)
        return [(x, tape.item(back, 0)), (weight, tape.item(back, 1))]

    return tape.record(out, (x, weight), vjp)


def attend(
    tape: Tape, q: Node, k: Node, v: Node, causal: bool, window: int | None, hold: Hold = itself
) -> Node:
    """Scaled dot-product attention of [B, H, T, D]."""
    both = tape.call(attention_kernels.attend, q, k, v, causal, window)
    out, row = tape.item(both, 0), tape.item(both, 1)
    out.meta["dtype"] = q.meta.get("dtype")
    out, row = hold(out), hold(row)

    def vjp(g: Node) -> list[tuple[Node, Node]]:
        back = tape.call(attention_kernels.attend_vjp, g, q, k, v, out, row, causal, window)
        return [(node, tape.item(back, i)) for i, node in enumerate((q, k, v))]

    return tape.record(out, (q, k, v), vjp)


def view(tape: Tape, x: Node, there: tuple[Any, ...], back: tuple[Any, ...]) -> Node:
    """A reshaping call ``there[0](x, *there[1:])`` whose VJP is the call `back`."""
    out = tape.call(there[0], x, *there[1:])
    out.meta["dtype"] = x.meta.get("dtype")
    return tape.record(out, (x,), lambda g: [(x, tape.call(back[0], g, *back[1:]))])


def split(tape: Tape, x: Node, sizes: Sequence[int], axis: int) -> list[Node]:
    """Cut `x` along `axis`; the VJP concatenates, so all pieces must be used."""
    whole = tape.call(aten.split_with_sizes.default, x, list(sizes), axis)
    pieces = [tape.item(whole, i) for i in range(len(sizes))]
    for piece in pieces:
        piece.meta["dtype"] = x.meta.get("dtype")
    gathered: dict[int, Node] = {}

    def vjp(index: int) -> Callable[[Node], list[tuple[Node, Node]]]:
        def pull(g: Node) -> list[tuple[Node, Node]]:
            gathered[index] = g
            if len(gathered) < len(pieces):
                return []
            parts = [gathered.pop(i) for i in range(len(pieces))]
            return [(x, tape.call(aten.cat.default, parts, axis))]

        return pull

    for index, piece in enumerate(pieces):
        tape.record(piece, (x,), vjp(index))
    return pieces


def concat(tape: Tape, parts: Sequence[Node], sizes: Sequence[int], axis: int) -> Node:
    """Concatenate along `axis`; `sizes` are the parts' sizes there."""
    if len(parts) == 1:
        return parts[0]
    out = tape.call(aten.cat.default, list(parts), axis)

    def vjp(g: Node) -> list[tuple[Node, Node]]:
        whole = tape.call(aten.split_with_sizes.default, g, list(sizes), axis)
        return [(part, tape.item(whole, i)) for i, part in enumerate(parts)]

    return tape.record(out, parts, vjp)


def repeat_heads(tape: Tape, x: Node, heads: int, times: int) -> Node:
    """Repeat each of `heads` on axis 1 `times` times; the VJP sums the copies."""
    if times == 1:
        return x
    out = tape.call(aten.repeat_interleave.self_int, x, times, 1)
    out.meta["dtype"] = x.meta.get("dtype")

    def vjp(g: Node) -> list[tuple[Node, Node]]:
        grouped = tape.call(aten.unflatten.int, g, 1, [heads, times])
        return [(x, tape.call(aten.sum.dim_IntList, grouped, [2]))]

    return tape.record(out, (x,), vjp)


def rotate(tape: Tape, x: Node) -> Node:
    """Rotary positions; the VJP rotates back."""
    out = tape.call(tensor_ops.rotate_pairs, x, 1)
    out.meta["dtype"] = x.meta.get("dtype")
    return tape.record(out, (x,), lambda g: [(x, tape.call(tensor_ops.rotate_pairs, g, -1))])


def embedding(tape: Tape, table: Node, index: Node, size: int) -> Node:
    """The rows of `table`, which has `size` of them."""
    out = tape.call(aten.embedding.default, table, index)
    out.meta["dtype"] = tape.dtype

    def vjp(g: Node) -> list[tuple[Node, Node]]:
        return [(table, tape.call(tensor_ops.embedding_vjp, g, index, size))]

    return tape.record(out, (table,), vjp)


def group_norm(tape: Tape, x: Node, weight: Node, bias: Node, groups: int, eps: float) -> Node:
    """Group norm of [B, n, H, W]."""
    x = tape.higher(x)
    both = tape.call(tensor_ops.group_norm, x, weight, bias, groups, eps)
    out, mean, rstd = (tape.item(both, i) for i in range(3))
    out.meta["dtype"] = tape.dtype

    def vjp(g: Node) -> list[tuple[Node, Node]]:
        g = tape.cast(g, tape.dtype)
        back = tape.call(tensor_ops.group_norm_vjp, g, x, mean, rstd, weight, groups)
        return [(node, tape.item(back, i)) for i, node in enumerate((x, weight, bias))]

    return tape.record(out, (x, weight, bias), vjp)


def mean(tape: Tape, x: Node, along: Sequence[int]) -> Node:
    """The mean over some axes, which go."""
    out = tape.call(aten.mean.dim, x, list(along))
    out.meta["dtype"] = x.meta.get("dtype")
    return tape.record(
        out, (x,), lambda g: [(x, tape.call(tensor_ops.mean_vjp, g, x, list(along)))]
    )


def mean_pool(tape: Tape, x: Node, kernel: int, stride: int) -> Node:
    """The mean over the pixels of each window."""
    padding = tensor_ops.padding(kernel, stride)
    rest = ([kernel] * 2, [stride] * 2, [padding] * 2, False, False, None)
    out = tape.call(aten.avg_pool2d.default, x, *rest)
    out.meta["dtype"] = x.meta.get("dtype")
    back = aten.avg_pool2d_backward.default
    return tape.record(out, (x,), lambda g: [(x, tape.call(back, g, x, *rest))])


def max_pool(tape: Tape, x: Node, kernel: int, stride: int) -> Node:
    """The greatest pixel of each window."""
    padding = tensor_ops.padding(kernel, stride)
    rest = ([kernel] * 2, [stride] * 2, [padding] * 2, [1, 1], False)
    both = tape.call(aten.max_pool2d_with_indices.default, x, *rest)
    out, index = tape.item(both, 0), tape.item(both, 1)
    out.meta["dtype"] = x.meta.get("dtype")
    back = aten.max_pool2d_with_indices_backward.default
    return tape.record(out, (x,), lambda g: [(x, tape.call(back, g, x, *rest, index))])


def convolution(
    tape: Tape, x: Node, weight: Node, bias: Node, padding: int, stride: int = 1,
    hold: Hold = itself,
) -> Node:  # fmt: skip
    """A 2-d convolution."""
    x, weight, bias = tape.lower(x), tape.lower(weight), tape.lower(bias)
    rest = ([stride, stride], [padding, padding], [1, 1], False, [0, 0], 1)
    out = tape.call(aten.convolution.default, x, weight, bias, *rest)
    out.meta["dtype"] = tape.low
    out = hold(out)

    def vjp(g: Node) -> list[tuple[Node, Node]]:
        mask = [True, True, False]
        g = tape.cast(g, tape.low)
        back = tape.call(aten.convolution_backward.default, g, x, weight, None, *rest, mask)
        by_bias = tape.call(aten.sum.dim_IntList, g, [0, 2, 3])
        return [(bias, by_bias), (weight, tape.item(back, 1)), (x, tape.item(back, 0))]

    return tape.record(out, (x, weight, bias), vjp)


def token_loss(
    tape: Tape, x: Node, targets: Node, weight: Node, chunk: int, hold: Hold = itself
) -> Node:
    """Mean cross-entropy under ``softmax(x W')``, `chunk` tokens at a time."""
    x, weight = tape.lower(x), tape.lower(weight)
    out = hold(tape.call(cross_entropy.cross_entropy, x, targets, weight, None, chunk))

    def vjp(g: Node) -> list[tuple[Node, Node]]:
        rest = (weight, None, chunk, tape.wants(weight))
        back = tape.call(cross_entropy.cross_entropy_vjp, g, x, targets, *rest)
        return [(weight, tape.item(back, 1)), (x, tape.item(back, 0))]

    return tape.record(out, (x, weight), vjp)
