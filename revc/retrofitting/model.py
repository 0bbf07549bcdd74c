"""A retrofitted model: the model that it was, whose layers run as one reversible program."""

from __future__ import annotations

import functools
import inspect
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor, nn

from revc.errors import BindError
from revc.retrofitting.architectures import Found
from revc.retrofitting.layer_list import LayerList
from revc.retrofitting.loss import Source, next_token_loss
from revc.retrofitting.stack import Stack

if TYPE_CHECKING:
    from revc.runtime.model import ReversibleModel

_EAGER = (
    "a retrofitted model runs as it is: its layers are one reversible program, which "
    "`program(..)` gives and torch.compile takes"
)
_RECORDS = ("output_hidden_states", "output_attentions")


class Program(NamedTuple):
    """The reversible program that a batch runs through, and its inputs by name."""

    model: ReversibleModel
    inputs: dict[str, Tensor]


class Retrofitted(nn.Module):
    """What a retrofitted model has beside all that it had: names, weights, methods.

    Attributes:
        stack: what runs in the place of the layers.
        loss_chunk: tokens whose logits there are at a time, in training.
        last_norm: the name, in the base model, of what alone lies between layers and head.
    """

    stack: Stack
    loss_chunk: int
    last_norm: str

    @property
    def spec(self) -> str:
        """The spec for batches like that of the calibration; padding adds the mask."""
        return self.stack.spec(self.stack.numerics.givens)

    def program(self, **batch: Any) -> Program:
        """Return the reversible program that a batch runs through, and its inputs.

        So ``model, inputs = retrofitted.program(input_ids=ids)`` gives what `revc.audit` takes, and
        ``model.inverse(model(**inputs))`` is the embedding again, bit for bit on the lattice.

        Args:
            batch: the model's own arguments, by name.

        Raises:
            BindError: the batch does not come by the layers.
        """
        with torch.no_grad(), self.stack.noting() as calls:
            self(**batch)
        if not calls:
            raise BindError("the batch does not come by the layers")
        call = calls[0]
        return Program(self.stack.program(call.how), {"x": call.hidden.float(), **call.givens})

    def activation_checkpointing_enable(self, *_args: Any, **_kwargs: Any) -> None:
        """Refuse to checkpoint as well.

        Raises:
            BindError: always.
        """
        raise BindError(
            "a retrofitted model rebuilds its activations and stores none: leave "
            "gradient_checkpointing off"
        )

    gradient_checkpointing_enable = activation_checkpointing_enable


def install(model: nn.Module, found: Found, stack: Stack, loss_chunk: int) -> None:
    """Put a stack in the place of a model's layers; the model's class gets a subclass.

    The subclass has the name of the class, so that what is saved says what it was.
    """
    layers = LayerList(found.layers, stack)
    setattr(found.owner, found.name, layers)
    calibrated = stack.form.calibrated()
    if calibrated is not None:  # a child, so that it moves with the model; it is in no state_dict
        found.owner.add_module("retrofit_calibration", calibrated)
    found.owner.__class__ = _derived(type(found.owner), {"forward": _running(found.owner, layers)})
    base = type(model)
    extra = {"forward": _with_loss(base)} if _predicts_tokens(model) else {}
    model.__class__ = _derived(base, extra, Retrofitted)
    model.stack, model.loss_chunk = stack, loss_chunk  # type: ignore[assignment]
    model.last_norm = found.architecture.norm  # type: ignore[assignment]


def _derived(base: type, extra: dict[str, Any], *mixins: type) -> type:
    same = {"__module__": base.__module__, "__qualname__": base.__qualname__}
    return type(base.__name__, (*mixins, base), {**same, **extra})


def _running(owner: nn.Module, layers: LayerList) -> Any:
    """Return a forward pass of the module that runs the layers, in which the stack does."""
    original = type(owner).forward
    caches = "use_cache" in inspect.signature(original).parameters
    name = next(name for name, child in owner.named_children() if child is layers)

    @functools.wraps(original)
    def forward(self: nn.Module, *args: Any, **kwargs: Any) -> Any:
        for record in _RECORDS:
            if kwargs.get(record) or getattr(getattr(self, "config", None), record, False):
                raise BindError(f"{record}: a retrofitted model keeps nothing between its layers")
        if caches and torch.is_grad_enabled() and kwargs.get("use_cache") is None:
            kwargs["use_cache"] = False  # a step of training has no use for keys and values
        with getattr(self, name).running():
            return original(self, *args, **kwargs)

    return torch.compiler.disable(forward, reason=_EAGER)


def _predicts_tokens(model: nn.Module) -> bool:
    """Say whether a model is a body with a linear head that predicts next tokens."""
    head = getattr(model, "get_output_embeddings", lambda: None)()
    causal = type(model).__name__.endswith(("ForCausalLM", "LMHeadModel"))
    return causal and isinstance(head, nn.Linear) and hasattr(model, "base_model")


def _with_loss(base: Any) -> Any:
    """Return a forward pass that computes a training loss without all logits at once."""
    original = base.forward

    @functools.wraps(original)
    def forward(self: Any, *args: Any, **kwargs: Any) -> Any:
        if not self.training or not torch.is_grad_enabled():
            return original(self, *args, **kwargs)
        bound = dict(inspect.signature(original).bind(self, *args, **kwargs).arguments)
        if bound.get("labels") is None:
            return original(self, *args, **kwargs)
        rest = bound.pop("kwargs", {})
        return _trained(self, {**bound, **rest})

    return torch.compiler.disable(forward, reason=_EAGER)


def _trained(model: Any, arguments: dict[str, Any]) -> Any:
    """Return what the model returns, with the loss and without logits."""
    from transformers.modeling_outputs import CausalLMOutputWithPast

    labels, count = arguments.pop("labels"), arguments.pop("num_items_in_batch", None)
    as_tuple = arguments.pop("return_dict", None) is False
    for name in ("self", "logits_to_keep"):
        arguments.pop(name, None)
    with model.stack.noting() as calls:
        hidden = model.base_model(**arguments).last_hidden_state
    source = _source(model, calls[-1].result, hidden)
    head = model.get_output_embeddings()
    loss = next_token_loss(hidden, labels, head, model.loss_chunk, count, source)
    return (loss,) if as_tuple else CausalLMOutputWithPast(loss=loss)


def _source(model: Any, x: Tensor | None, hidden: Tensor) -> Source | None:
    """Return what gives hidden states again from the layers' result x, None if nothing does.

    The norm may have been replaced, and autocast is not what it was in a backward pass: so it is
    tried.
    """
    norm = getattr(model.base_model, model.last_norm, None) if model.last_norm else None
    if norm is None or x is None or torch.is_autocast_enabled(hidden.device.type):
        return None
    shape = hidden.shape
    with torch.no_grad():
        same = torch.equal(norm(x).reshape(shape), hidden)
    return Source(x, lambda x: norm(x).reshape(shape)) if same else None
