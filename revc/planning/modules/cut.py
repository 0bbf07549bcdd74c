"""A list of modules cut into segments, by a forward pass without numbers.

A module that changes its input in place, or returns a view of it, belongs to the segment before:
between the two there is nothing to keep that is not the same memory.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import nn
from torch.nn.modules.batchnorm import _NormBase

from revc.errors import ScheduleError
from revc.planning.held import storages
from revc.planning.modules.attributes import Attribute, noted, notes
from revc.planning.modules.values import like, tensors

Buffer = tuple[str, str]  # the path of a module in its segment's, and the name of a buffer there


@dataclass
class Cut:
    """A segment: modules that run one behind the other.

    Attributes:
        names: of its modules, in the list.
        changed: the buffers that its forward pass changes, by module of the segment.
        noted: the attributes that it changes, likewise.
    """

    names: list[str]
    changed: list[list[Buffer]] = field(default_factory=list)
    noted: list[list[Attribute]] = field(default_factory=list)

    @property
    def title(self) -> str:
        """What tables call it."""
        return self.names[0] if len(self.names) == 1 else f"{self.names[0]}..{self.names[-1]}"


def cut(
    modules: Mapping[str, nn.Module], given: Sequence[Any]
) -> tuple[list[Cut], list[tuple[Any, ...]]]:
    """Return the segments of modules that each take what the one before gave, and what they take.

    Args:
        modules: by name, in order; without numbers, as is what they are `given`.
        given: the inputs of the first.

    Raises:
        ScheduleError: the first module changes the network's input in place.
    """
    found: list[Cut] = []
    taken = []
    value = tuple(given)
    views = False
    for name, module in modules.items():
        before = [(one, one._version) for one in tensors(value)]
        state, attributes = _versions(module), notes(module)
        out = module(*value)
        changes = any(one._version != version for one, version in before)
        if changes and not found:
            raise ScheduleError(
                f"module {name} changes the network's input in place: copy it first"
            )
        same = changes or bool(storages(value).keys() & storages(out).keys())
        if found and (same or views):
            found[-1].names.append(name)
        else:
            found.append(Cut([name]))
            taken.append(like(value))
        views = same and len(found) == 1 and (views or len(found[0].names) == 1)
        found[-1].changed.append(_changed(module, state))
        found[-1].noted.append(noted(module, attributes))
        value = (out,)
    return found, taken


def _versions(module: nn.Module) -> dict[Buffer, tuple[int, int]]:
    return {
        (path, name): (id(buffer), buffer._version)
        for path, child in module.named_modules()
        for name, buffer in child._buffers.items()
        if buffer is not None
    }


def _changed(module: nn.Module, before: Mapping[Buffer, tuple[int, int]]) -> list[Buffer]:
    """Return the buffers that a forward pass changed, and all others of the modules they are in.

    Operators do not tell of all they change: a batch norm's statistics count as changed.
    """
    after = _versions(module)
    hit = {key[0] for key in {*before, *after} if before.get(key) != after.get(key)}
    hit |= {
        path
        for path, child in module.named_modules()
        if isinstance(child, _NormBase) and child.training and child.track_running_stats
    }
    return [key for key in after if key[0] in hit]
