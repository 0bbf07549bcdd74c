"""Residuals: what graphs that keep hand to those that pull, and how a run holds it between.

A graph that keeps returns a tuple of tensors, of such tuples (a callee's, or one a turn of a loop),
and of what is no tensor (shapes, brought nets' graphs). One that pulls takes lists in their place,
which it empties, so that each tensor goes with its last use.
"""

from collections.abc import Iterator
from typing import Any

from torch import Tensor

from revc.errors import ReconstructionError


def taken(box: list[Any]) -> tuple[Any, ...]:
    """Return what a list holds, and empty it."""
    held = tuple(box)
    box.clear()
    return held


def tensors_of(kept: Any) -> Iterator[Tensor]:
    """Yield the tensors of residuals."""
    if type(kept) is tuple:
        for one in kept:
            yield from tensors_of(one)
    elif isinstance(kept, Tensor):
        yield kept


class Residuals:
    """The residuals of a segment of a run, from its forward to its backward pass."""

    def __init__(self, kept: Any) -> None:
        self._kept = kept
        self._versions = [_version(value) for value in tensors_of(kept)]

    def boxed(self, name: str) -> list[Any]:
        """Return them in lists that may be emptied; `name` is the segment's, for messages.

        Raises:
            ReconstructionError: one was changed in place: only what is emitted can be reached.
        """
        if self._versions != [_version(value) for value in tensors_of(self._kept)]:
            raise ReconstructionError(
                f"{name}: what it emitted was changed in place after the forward pass, and its "
                "backward pass reads it: change a copy, or let the segment invert"
            )
        boxed: list[Any] = _boxed(self._kept)
        return boxed


def _boxed(kept: Any) -> Any:
    return [_boxed(one) for one in kept] if type(kept) is tuple else kept


def _version(value: Tensor) -> int:
    return 0 if value.is_inference() else value._version
