"""What a model clamped and rounded on its way: counted always, warned of once."""

import threading
import warnings
from collections import Counter
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from revc.runtime.run.guard import ClampWarning

_lock = threading.Lock()


class Counts:
    """How often values did not fit a model's lattices, in all its runs so far.

    `inputs` counts elements by what happened, ``"x clamped"`` or ``"x rounded"``; `increments`
    counts passes of segments in which an increment was clamped, by the segment's name.
    """

    def __init__(self) -> None:
        self._inputs: Counter[str] = Counter()
        self._increments: Counter[str] = Counter()

    @property
    def inputs(self) -> Mapping[str, int]:
        """Elements of inputs that were clamped or rounded."""
        return MappingProxyType(self._inputs)

    @property
    def increments(self) -> Mapping[str, int]:
        """Passes of segments in which an increment was clamped."""
        return MappingProxyType(self._increments)

    def clear(self) -> None:
        """Forget all counts; the next of each is warned of again."""
        with _lock:
            self._inputs.clear()
            self._increments.clear()

    def input(self, program: str, name: str, done: str, count: int, example: str) -> None:
        """Note that `count` elements of an input were clamped or rounded."""
        with _lock:
            first = not self._inputs
            self._inputs[f"{name} {done}"] += count
        if first:
            _warn(
                f"{program}: {count} elements of {name} do not fit the lattice and were {done}, "
                f"{example} first; their gradient is zero where they were clamped, and the inverse "
                "gives what they became. `model.counts` goes on counting"
            )

    def increment(self, program: str, segment: str) -> None:
        """Note that an increment was clamped in a segment."""
        with _lock:
            first = not self._increments
            self._increments[segment] += 1
        if first:
            _warn(
                f"{program}, {segment}: an increment is beyond the lattice and was clamped; its "
                "gradient is zero there. `model.counts` goes on counting"
            )

    def __repr__(self) -> str:
        return f"Counts(inputs={dict(self._inputs)}, increments={dict(self._increments)})"

    def __deepcopy__(self, memo: Mapping[int, Any]) -> "Counts":
        return Counts()  # a copy of a model has made no runs


def _warn(text: str) -> None:
    warnings.warn(text, ClampWarning, stacklevel=2)
