"""How a model calls its layers: which arguments are tensors, and what the spec calls those.

A model calls all its layers alike. The first argument is the state; tensors beside it become givens
of the spec (masks as floats, added to scores; labels of positions are left out where rotary tables
are given); what else there is (flags, None) is handed on as it is.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from revc.errors import BindError

CACHES = ("cache", "past_key_values", "past_key_value", "layer_past")
"""Names under which layers take keys and values of earlier calls."""

_IGNORED = ("position_ids", "cache_position", "num_items_in_batch")
"""What layers hand to kernels that unpack packed sequences, or is meant for the loss."""

_RECORDS = ("output_attentions", "output_hidden_states")
_SHAPES = {
    "mask": ("M", "1", "T", "T"),
    "cos": ("P", "T", "h"),
    "sin": ("P", "T", "h"),
}
_NAMES = {"attention_mask": ("mask",), "position_embeddings": ("cos", "sin")}


class Call(NamedTuple):
    """A call of all layers: the state, the givens by name, and what tells calls apart.

    `result` is what the layers gave, where they have run.
    """

    hidden: Tensor
    givens: dict[str, Tensor]
    how: LayerCall
    cached: bool
    result: Tensor | None = None


@dataclass(frozen=True)
class LayerCall:
    """What one call of a layer has in common with others that run by the same spec.

    Attributes:
        tensors: parameters that are tensors, each with the names of its givens.
        constants: parameters that are not, with their values.
    """

    tensors: tuple[tuple[str, tuple[str, ...]], ...] = ()
    constants: tuple[tuple[str, Any], ...] = ()

    @property
    def givens(self) -> tuple[str, ...]:
        """The names of the givens, in order."""
        return tuple(name for _, names in self.tensors for name in names)

    def arguments(self, values: tuple[Tensor, ...], dtype: torch.dtype) -> dict[str, Any]:
        """Return a layer's arguments beside the state; `values` are the givens in order."""
        by_name = dict(zip(self.givens, values, strict=True))
        found: dict[str, Any] = dict(self.constants)
        for parameter, names in self.tensors:
            cast = [by_name[name].to(dtype) for name in names]
            found[parameter] = cast[0] if parameter == "attention_mask" else tuple(cast)
        return found


def shape_of(given: str) -> tuple[str, ...]:
    """Return the dims of a given in the spec: [M, 1, T, T] for masks, [P, T, h] for rotary tables.

    M and P are 1 or the batch, h the size of a head.
    """
    return _SHAPES[given]


def read_call(layer: nn.Module, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Call:
    """Return what a model calls its layers with.

    Raises:
        BindError: a layer does not take these arguments, is asked for what it found in between, or
            takes tensors that no spec of ours knows (keys of an encoder).
    """
    bound = _bound(layer, args, kwargs)
    hidden = bound.pop(next(iter(bound)))
    tensors: list[tuple[str, tuple[str, ...]]] = []
    constants: list[tuple[str, Any]] = []
    givens: dict[str, Tensor] = {}
    cached = any(bound.pop(name, None) is not None for name in CACHES)
    for name, value in bound.items():
        if name in _IGNORED:
            continue
        if name in _RECORDS and value:
            raise BindError(f"{name}: a retrofitted model keeps nothing between its layers")
        if name in _NAMES and value is not None:
            tensors.append((name, _NAMES[name]))
            values = (value,) if isinstance(value, Tensor) else tuple(value)
            found = (_as_float(one, hidden.dtype) for one in values)
            givens.update(zip(_NAMES[name], found, strict=True))
        elif isinstance(value, Tensor):
            raise BindError(f"layers that take {name} beside their input cannot be retrofitted")
        else:
            constants.append((name, value))
    return Call(hidden, givens, LayerCall(tuple(tensors), tuple(constants)), cached)


def _bound(layer: nn.Module, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """Return a call's arguments by name, those that go to ``**kwargs`` beside the others."""
    signature = inspect.signature(layer.forward)
    try:
        found = dict(signature.bind(*args, **kwargs).arguments)
    except TypeError as error:
        raise BindError(f"{type(layer).__name__} is called with what it lacks: {error}") from error
    for parameter in signature.parameters.values():
        if parameter.kind is inspect.Parameter.VAR_KEYWORD:
            found.update(found.pop(parameter.name, {}))
    return found


def _as_float(value: Tensor, dtype: torch.dtype) -> Tensor:
    """Return a given as float32; a mask of what is seen becomes what is added to scores."""
    if value.dtype is torch.bool:
        least = torch.finfo(dtype).min
        return torch.zeros(value.shape, device=value.device).masked_fill_(~value, least)
    return value.float()
