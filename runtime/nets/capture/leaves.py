"""What a compiler has to guard of a module: the numbers and strings in its attributes.

Each with the way to it, that traced code goes: what it reads there is guarded.
"""

from collections import deque
from collections.abc import Iterator
from typing import Any

from torch import Tensor, nn

from revc.runtime.nets.capture.held import TORCHS
from revc.runtime.nets.capture.marks import fields

Step = tuple[str, Any]
"""By "name" an attribute, by "key" an entry, or the "length"."""

Found = tuple[str, tuple[Step, ...], Any]
"""A path to a submodule, the steps from there, and the value at their end."""

_PLAIN = (bool, int, float, complex, str, bytes, type(None))
_DEEPEST = 6


def leaves(module: nn.Module) -> Iterator[Found]:
    """Yield the plain values that a module's code may find, and the lengths of containers.

    What is held in two places is gone to once. Sets, arrays and what lies deeper than six steps
    are left out, as a compiler cannot be led there.
    """
    met = {id(part) for part in module.modules()}
    for path, part in module.named_modules():
        for name, value in [*part.__dict__.items()]:
            if name not in TORCHS:
                for steps, found in _below((("name", name),), value, met):
                    yield path, steps, found


def _below(steps: tuple[Step, ...], value: Any, met: set[int]) -> Iterator[tuple[Any, Any]]:
    if type(value) in _PLAIN:
        yield steps, value
    elif id(value) not in met and len(steps) < _DEEPEST:
        met.add(id(value))
        inside = _entries(value)
        if inside is None:
            inside = [(("name", name), one) for name, one in _fields(value)]
        else:
            yield (*steps, ("length", None)), len(value)
        for step, one in inside:
            yield from _below((*steps, step), one, met)


def _entries(value: Any) -> list[tuple[Step, Any]] | None:
    """Return what a container has, with the steps there; None for what is none."""
    if isinstance(value, (list, tuple, deque)):
        return [(("key", place), one) for place, one in enumerate(value)]
    if isinstance(value, dict):
        return [(("key", key), one) for key, one in value.items() if type(key) in _PLAIN]
    return None


def _fields(value: Any) -> list[tuple[str, Any]]:
    if isinstance(value, (type, Tensor)):
        return []
    names = TORCHS if isinstance(value, nn.Module) else ()
    return [(name, one) for name, one in fields(value) if name not in names]
