"""Running a captured module: its graphs, on the tensors that a run gives it."""

from typing import Any, NamedTuple

import torch
from torch import Tensor

from revc.errors import BindError, ReconstructionError
from revc.runtime.bits.expand import Key
from revc.runtime.nets.called import as_then, memory, unshared
from revc.runtime.nets.capture.cache import capture, others_of, why
from revc.runtime.nets.capture.graphs import Captured
from revc.runtime.nets.capture.look import Look
from revc.runtime.nets.capture.trace import Sample
from revc.runtime.nets.leaf import Leaf


class Traced(NamedTuple):
    """What the VJP of one evaluation needs: the residuals, in a list that pulling empties.

    `likes` are the shape, dtype and device of each input of which a cotangent is wanted, None of
    others; `versions` say how often each residual had been written to.
    """

    graphs: Captured
    residuals: list[Any]
    versions: tuple[int, ...]
    likes: tuple[tuple[torch.Size, torch.dtype, torch.device] | None, ...]


def captured(leaf: Leaf, inputs: tuple[Tensor, ...]) -> Captured | None:
    """Return the graphs of a module for such inputs, None if it is to be called as it is.

    Raises:
        BindError: it must be captured, and cannot be.
    """
    if leaf.capture == "never":
        return None
    look = leaf.look or Look()
    with as_then(leaf):
        found = capture(leaf.module, Sample(leaf.params, inputs, leaf.cast), look)
    if isinstance(found, Captured):
        whole = found.random or not look.is_looked_at
        return found if whole else None  # as it is called, an audit sees which part does what
    if leaf.capture == "require":
        raise BindError(f"net {leaf.name!r} is not captured, as the model requires: {why(found)}")
    return None


def value(leaf: Leaf, graphs: Captured, inputs: tuple[Tensor, ...], place: str = "") -> Tensor:
    """Return the output."""
    with torch.no_grad():
        out: Tensor = graphs.value.forward(*_taken(leaf, graphs, inputs, place))
    return out


def run(
    leaf: Leaf, graphs: Captured, inputs: tuple[Tensor, ...], place: str = ""
) -> tuple[Tensor, Traced]:
    """Return the output and what pulls it back."""
    with torch.no_grad():
        out, kept = graphs.front.forward(*_taken(leaf, graphs, inputs, place))
    likes = tuple((x.shape, x.dtype, x.device) if x.requires_grad else None for x in inputs)
    return out, Traced(graphs, [*kept], _versions(kept), likes)


def _taken(leaf: Leaf, graphs: Captured, inputs: tuple[Tensor, ...], place: str) -> tuple[Any, ...]:
    key = (_key(leaf, inputs, place),) if graphs.random else ()
    return *leaf.params, *others_of(leaf.module, graphs), *inputs, *key


def _key(leaf: Leaf, inputs: tuple[Tensor, ...], place: str) -> Key:
    """Return the key that a call of a net draws from; shapes alone need none."""
    if any(type(x) is not Tensor or x.device.type == "meta" for x in inputs):
        return 0, 0, 0, 0
    device = next((x.device for x in (*inputs, *leaf.params)), torch.device("cpu"))
    return leaf.keys.of(leaf.keys.call(leaf.name, place), device)


def _versions(values: Any) -> tuple[int, ...]:
    return tuple(
        x._version if isinstance(x, Tensor) and not x.is_inference() else 0 for x in values
    )


def pull(leaf: Leaf, handle: Traced, cotangent: Tensor) -> tuple[Any, ...]:
    """Return the cotangents of the parameters, as a tuple, and of each input.

    A parameter that the module did not use has None, and so has an input that none is wanted of.

    Raises:
        ReconstructionError: what the gradient is made of was written to meanwhile.
    """
    params = tuple(p.requires_grad for p in leaf.params)
    if handle.graphs.back is None:
        return (tuple(None for _ in params), *map(_zeros, handle.likes))
    if handle.versions != _versions(handle.residuals):
        raise ReconstructionError(
            f"net {leaf.name!r}: a tensor that its gradient is made of was changed in place"
        )
    box = handle.residuals
    if torch._C._autograd._get_current_graph_task_keep_graph():
        own = handle.graphs.own
        box = [x.clone() if mine else x for x, mine in zip(box, own, strict=True)]
    with torch.no_grad():
        found = iter(handle.graphs.back.forward(box, _like(cotangent, handle.graphs.cotangent)))
    by_params = [next(found) if wanted else None for wanted in params]
    by_inputs = [_or_zero(next(found), like) if like else None for like in handle.likes]
    others = {memory(x) for x in (cotangent, *leaf.params)}
    apart = [unshared(gradient, others) for gradient in by_inputs]
    return (tuple(unshared(gradient, others) for gradient in by_params), *apart)


def _like(cotangent: Tensor, traced: Tensor | None) -> Tensor:
    """Return a cotangent with dtype and strides as they were traced."""
    if traced is None:
        return cotangent
    cotangent = cotangent.to(traced.dtype)
    if cotangent.stride() == traced.stride():
        return cotangent
    shape, strides = traced.shape, traced.stride()
    dense = torch.empty_strided(shape, strides, dtype=traced.dtype, device=cotangent.device)
    return dense.copy_(cotangent)


def _zeros(like: tuple[torch.Size, torch.dtype, torch.device] | None) -> Tensor | None:
    return None if like is None else torch.zeros(like[0], dtype=like[1], device=like[2])


def _or_zero(found: Tensor | None, like: Any) -> Tensor | None:
    return _zeros(like) if found is None else found
