"""Buffers as they were in the forward pass, for a segment that runs again.

Statistics of a batch norm, or what else a module changes as it runs, are changed once a step: what
runs again sees copies of them as they were.
"""

from collections.abc import Sequence
from types import TracebackType

from torch import Tensor, nn

from revc.planning.modules.cut import Buffer


class Replay:
    """A context in which modules have the buffers that they had when it was made."""

    def __init__(self, places: Sequence[tuple[nn.Module, Sequence[Buffer]]]) -> None:
        found = ((module, *key) for module, keys in places for key in keys)
        self._places = [(module.get_submodule(path), name) for module, path, name in found]
        self._kept = [module._buffers[name] for module, name in self._places]
        self._kept = [None if one is None else one.detach().clone() for one in self._kept]
        self._now: list[Tensor | None] = []

    def __enter__(self) -> None:
        self._now = [module._buffers[name] for module, name in self._places]
        self._put([None if one is None else one.clone() for one in self._kept])

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        self._put(self._now)
        self._now = []

    def _put(self, buffers: Sequence[Tensor | None]) -> None:
        for (module, name), buffer in zip(self._places, buffers, strict=True):
            module._buffers[name] = buffer
