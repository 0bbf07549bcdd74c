"""Which models can be retrofitted, and where they keep their layers.

A layer takes hidden states [B, T, d] first and returns others of that shape, alone or first in a
tuple. What else it takes is the same for all layers, and is given to the reversible program.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import nn

from revc.errors import BindError


@dataclass(frozen=True)
class Architecture:
    """A family of models.

    Attributes:
        kind: `config.model_type` of its models.
        title: what it is called, for people and as the name of the spec's model.
        layers: where the list of layers may be, below the model without its head.
        norm: what alone lies between the layers and a head that predicts tokens, if anything does.
    """

    kind: str
    title: str
    layers: tuple[str, ...]
    norm: str = ""


SUPPORTED = (
    Architecture("llama", "Llama", ("layers",), "norm"),
    Architecture("gpt2", "GPT2", ("h",), "ln_f"),
    Architecture("vit", "ViT", ("layers", "encoder.layer")),
    Architecture("bert", "Bert", ("encoder.layer",)),
)


@dataclass(frozen=True)
class Found:
    """Where the layers of a model are.

    Attributes:
        architecture: what the model is.
        owner: the module that has the list and runs the layers.
        name: the list's name in it.
        layers: the layers, in order.
        width: the size of a hidden state.
    """

    architecture: Architecture
    owner: nn.Module
    name: str
    layers: tuple[nn.Module, ...]
    width: int


def find(model: nn.Module) -> Found:
    """Return where the layers of a model are.

    Raises:
        BindError: the model is of no supported architecture, or has no layers where they are said
            to be; names what is supported.
    """
    kind = getattr(getattr(model, "config", None), "model_type", None)
    known = {one.kind: one for one in SUPPORTED}
    if kind not in known:
        raise BindError(
            f"{type(model).__name__} ({_described(kind)}) cannot be retrofitted: the architectures "
            f"that can are {', '.join(known)} (`model.config.model_type`)"
        )
    base = getattr(model, "base_model", model)
    for path in known[kind].layers:
        owner_path, _, name = path.rpartition(".")
        owner = _at(base, owner_path)
        layers = getattr(owner, name, None)
        if owner is not None and isinstance(layers, nn.ModuleList) and len(layers) > 0:
            width = int(model.config.hidden_size)  # type: ignore[union-attr,arg-type]
            return Found(known[kind], owner, name, tuple(layers), width)
    raise BindError(
        f"{type(model).__name__} has no layers at {' or '.join(known[kind].layers)} of its "
        f"{type(base).__name__}, where models of type {kind!r} have them"
    )


def _described(kind: Any) -> str:
    return "without a config.model_type" if kind is None else f"of type {kind!r}"


def _at(module: nn.Module, path: str) -> nn.Module | None:
    found: Any = module
    for name in path.split(".") if path else ():
        found = getattr(found, name, None)
    return found if isinstance(found, nn.Module) else None
