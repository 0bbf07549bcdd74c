"""What runs in the place of a model's layers: a reversible program over the same modules."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor, nn

from revc.codegen.compile import compile
from revc.errors import BindError
from revc.retrofitting.forms.base import Form, Outline
from revc.retrofitting.increments import first
from revc.retrofitting.layer_calls import Call, LayerCall, read_call

if TYPE_CHECKING:
    from revc.runtime.model import ReversibleModel

Plain = Callable[[Tensor], Tensor]

_noted: ContextVar[list[Call] | None] = ContextVar("noted", default=None)


class Numerics(NamedTuple):
    """What a stack's specs have in common.

    Attributes:
        width: the size of a hidden state.
        lattice: the state's numerics, as ``lattice(Q17.15)``.
        givens: what layers were given beside it on the calibration batch.
    """

    width: int
    lattice: str
    givens: tuple[str, ...]


class Stack:
    """Called as a model calls one layer, it runs all of them.

    Where gradients are recorded, the reversible program runs, and stores nothing a layer but what
    its form puts on the tape. Elsewhere, and where keys and values of earlier calls are handed on
    (in `generate`), the same function runs on floats alone.
    """

    def __init__(
        self,
        title: str,
        layers: Sequence[nn.Module],
        form: Form,
        numerics: Numerics,
    ) -> None:
        self.title, self.form, self.numerics = title, form, numerics
        self.layers = list(layers)
        self._programs: dict[LayerCall, ReversibleModel] = {}

    def __call__(self, *args: Any, **kwargs: Any) -> Tensor:
        """Return the hidden states behind the last layer, of the shape and dtype of those before.

        Raises:
            BindError: the layers are called with what cannot be handed on, or are to be
                checkpointed besides.
        """
        call = read_call(self.layers[0], args, kwargs)
        result = self._run(call, args, kwargs)
        noted = _noted.get()
        if noted is not None:
            noted.append(call._replace(result=result))
        return result

    def _run(self, call: Call, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Tensor:
        if call.cached or not torch.is_grad_enabled():
            return self.form.plain(call.hidden, self._increments(args, kwargs))
        if any(getattr(layer, "gradient_checkpointing", False) for layer in self.layers):
            raise BindError("a retrofitted model stores no activations: checkpointing only costs")
        out = self.program(call.how)(x=call.hidden, **call.givens)
        return out.x.to(call.hidden.dtype)

    def spec(self, givens: tuple[str, ...]) -> str:
        """Return the spec of the program that takes these givens."""
        known = self.numerics
        outline = Outline(self.title, len(self.layers), known.width, known.lattice, givens)
        return self.form.spec(outline)

    def program(self, how: LayerCall) -> ReversibleModel:
        """Return the program for calls of a kind; it is compiled when it is first asked for."""
        if how not in self._programs:
            nets = self.form.nets(self.layers, how)
            self._programs[how] = compile(self.spec(how.givens), nets=nets)
        return self._programs[how]

    @contextmanager
    def noting(self) -> Iterator[list[Call]]:
        """Note the calls of this thread in a list, with what they gave."""
        calls: list[Call] = []
        token = _noted.set(calls)
        try:
            yield calls
        finally:
            _noted.reset(token)

    def _increments(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> list[Plain]:
        return [_increment(layer, args, kwargs) for layer in self.layers]


def _increment(layer: nn.Module, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Plain:
    """Return the increment of a layer, called as the model calls it."""

    def increment(x: Tensor) -> Tensor:
        if args:
            return first(layer(x, *args[1:], **kwargs)) - x
        return first(layer(**{**kwargs, "hidden_states": x})) - x

    return increment
