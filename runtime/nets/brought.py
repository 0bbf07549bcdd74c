"""Nets brought from Python: how graphs run them and pull them back.

A module that can be captured runs as graphs (`capture`), any other is called as it is (`called`).
Which of the two it is hangs on shapes and settings alone, so that a graph and its VJP graph agree.
"""

from typing import Any

import torch
from torch import Tensor

from revc.errors import BindError
from revc.runtime.nets import called
from revc.runtime.nets.called import Handle
from revc.runtime.nets.capture import calls, compiled
from revc.runtime.nets.capture.calls import Traced
from revc.runtime.nets.capture.compiled import InRegion
from revc.runtime.nets.leaf import Coded, Leaf


def coded(raw: Tensor, fraction_bits: int, dtype: torch.dtype) -> Coded:
    """Return lattice state for a net that runs where a compiler traces, to be decoded within."""
    return Coded(raw, fraction_bits, dtype)


def run(
    leaf: Leaf, asked: tuple[bool, ...], *inputs: Tensor | Coded, place: str = ""
) -> tuple[Tensor, Handle | Traced | InRegion]:
    """Evaluate a brought module, with what its VJP needs.

    `asked` says of each input whether its gradient may be asked for; one of integers has none.
    `place` is where in its block the call stands: it draws the same each time it is evaluated.

    Raises:
        BindError: the module changed its input in place.
    """
    if torch.compiler.is_compiling():
        wanted = _wanted(asked, inputs)
        key = compiled.region_of(leaf, wanted, inputs)
        return (
            compiled.run(leaf, key, wanted, inputs, place)
            if key
            else called.run_traced(leaf, wanted, _decoded(inputs))
        )
    own = _owned(asked, inputs)
    found = calls.captured(leaf, own)
    return called.run(leaf, own, place) if found is None else calls.run(leaf, found, own, place)


def value(
    leaf: Leaf, asked: tuple[bool, ...], *inputs: Tensor | Coded, place: str = ""
) -> tuple[Tensor]:
    """Evaluate a brought module that is not pulled back from here.

    Raises:
        BindError: the module changed its input in place.
    """
    if torch.compiler.is_compiling():
        return run(leaf, asked, *inputs, place=place)[:1]
    own = _owned(asked, inputs)
    found = calls.captured(leaf, own)
    if found is None:
        return called.run(leaf, own, place)[:1]
    return (calls.value(leaf, found, own, place),)


def _wanted(asked: tuple[bool, ...], inputs: tuple[Tensor | Coded, ...]) -> tuple[bool, ...]:
    pairs = zip(asked, inputs, strict=True)
    return tuple(a and (isinstance(x, Coded) or x.is_floating_point()) for a, x in pairs)


def _decoded(inputs: tuple[Tensor | Coded, ...]) -> tuple[Tensor, ...]:
    return tuple(x.decoded() if isinstance(x, Coded) else x for x in inputs)


def _owned(asked: tuple[bool, ...], inputs: tuple[Tensor | Coded, ...]) -> tuple[Tensor, ...]:
    pairs = zip(_decoded(inputs), _wanted(asked, inputs), strict=True)
    return tuple(x.detach().requires_grad_(w) for x, w in pairs)


def slim(handle: Handle | Traced | InRegion) -> Handle | Traced | InRegion:
    """Return a handle that does not hold the output, which no VJP reads, as autograd does not."""
    return called.slim(handle) if isinstance(handle, Handle) else handle


def pull(leaf: Leaf, handle: Handle | Traced | InRegion, cotangent: Tensor) -> tuple[Any, ...]:
    """Return the cotangents of the parameters, as a tuple, and of each input.

    A parameter that the module did not use has None, and so has an input that none is wanted of.

    Raises:
        BindError: the module computed with a tensor whose gradient has nowhere to go.
    """
    if isinstance(handle, Traced):
        return calls.pull(leaf, handle, cotangent)
    if isinstance(handle, InRegion):
        return compiled.pull(leaf, handle, cotangent)
    return called.pull(leaf, handle, cotangent)


def check_shape(value: Tensor, target: Tensor, name: str) -> Tensor:
    """Return an increment that brought nets made, having checked that it has the target's shape.

    Raises:
        BindError: it has another shape.
    """
    if value.shape != target.shape:
        got, wanted = list(value.shape), list(target.shape)
        raise BindError(f"net {name!r} returns the wrong shape: {got}, the spec says {wanted}")
    return value
