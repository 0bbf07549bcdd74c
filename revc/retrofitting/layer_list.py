"""A list of layers that is a stack's to the model that runs it, and the layers to all others."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from torch import nn

from revc.errors import BindError
from revc.retrofitting.stack import Stack

_running: ContextVar[tuple[int, ...]] = ContextVar("running", default=())


class LayerList(nn.ModuleList):
    """A `ModuleList` under whose iteration, within `running`, lies the stack in place of layers.

    So a model's own forward pass calls the stack once and names, parameters and hooks of layers
    are as they were; whoever iterates outside of it finds the layers.
    """

    def __init__(self, layers: Iterable[nn.Module], stack: Stack) -> None:
        super().__init__(layers)
        self.stack = stack

    @contextmanager
    def running(self) -> Iterator[None]:
        """Give this thread the stack in place of layers."""
        token = _running.set((*_running.get(), id(self)))
        try:
            yield
        finally:
            _running.reset(token)

    def __iter__(self) -> Iterator[Any]:
        if id(self) in _running.get():
            return iter((self.stack,))
        return super().__iter__()

    def __getitem__(self, index: Any) -> Any:
        if not isinstance(index, slice):
            return super().__getitem__(index)
        chosen = list(self._modules.values())[index]
        if id(self) not in _running.get():
            return nn.ModuleList(chosen)
        if len(chosen) != len(self):
            raise BindError(f"{len(chosen)} of {len(self)} layers are to run: a stack runs all")
        return [self.stack]
