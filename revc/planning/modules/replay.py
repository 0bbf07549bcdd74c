"""The modules of a group as the forward pass found them, for when it runs again.

Statistics of a batch norm, a counter, or what else a module changes as it runs, are changed once a
step: what runs again sees copies of them as they were. All else must be as it was, since nothing
but the input is kept: parameters written to since, flags and modules set anew are errors.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Any, NamedTuple

from torch import Tensor, nn

from revc.errors import ReconstructionError
from revc.planning.modules.asked import Asked
from revc.planning.modules.attributes import NONE, Attribute, put, value_of
from revc.planning.modules.cut import Buffer
from revc.runtime.nets.capture.look import Look


class Part(NamedTuple):
    """A module of a group: its name in the network, and what of it a run changes."""

    name: str
    buffers: Sequence[Buffer]
    attributes: Sequence[Attribute]


class Replay:
    """A context in which parts of a network have the state that they had when it was made.

    Entering it raises ReconstructionError where what they do not change is not as it was.
    """

    def __init__(self, network: nn.Module, parts: Sequence[Part], looks: dict[str, Look]) -> None:
        self._network, self._parts = network, parts
        modules = [network.get_submodule(part.name) for part in parts]
        pairs = list(zip(modules, parts, strict=True))
        self._buffers = [
            (m.get_submodule(path), key) for m, one in pairs for path, key in one.buffers
        ]
        self._attributes = [
            *((m.get_submodule(at), key) for m, one in pairs for at, key in one.attributes),
            *((part, "training") for module in modules for part in module.modules()),
        ]
        self._kept = [_copy(part._buffers[name]) for part, name in self._buffers]
        self._noted = [value_of(part, name) for part, name in self._attributes]
        own = {(id(part), name) for part, name in self._buffers}
        self._asked = [Asked(m, own, looks[one.name]) for m, one in pairs]
        self._now: tuple[list[Tensor | None], list[Any]] = ([], [])

    @contextmanager
    def running(self) -> Iterator[None]:
        """Give a context for the forward pass itself."""
        yield
        for part, asked in zip(self._parts, self._asked, strict=True):
            asked.ran(self._network.get_submodule(part.name))

    def __enter__(self) -> None:
        self._now = (
            [part._buffers[name] for part, name in self._buffers],
            [part.__dict__.get(name, NONE) for part, name in self._attributes],
        )
        self._put(map(_copy, self._kept), self._noted)
        try:
            self._check()
        except ReconstructionError:
            self._put(*self._now)
            raise

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        self._put(*self._now)
        self._now = ([], [])

    def _put(self, buffers: Iterable[Tensor | None], attributes: Iterable[Any]) -> None:
        for (part, name), buffer in zip(self._buffers, buffers, strict=True):
            part._buffers[name] = buffer
        for (part, name), value in zip(self._attributes, attributes, strict=True):
            put(part, name, value)

    def _check(self) -> None:
        for part, asked in zip(self._parts, self._asked, strict=True):
            if what := asked.differs(self._network.get_submodule(part.name)):
                raise ReconstructionError(
                    f"segment {part.name}: {what} after the forward pass, which the plan runs "
                    "again for the backward pass"
                )


def _copy(buffer: Tensor | None) -> Tensor | None:
    return None if buffer is None else buffer.detach().clone()
