"""The bytes that a run keeps of each segment until its backward pass, exactly."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode

from revc.runtime.nets.called import Handle
from revc.runtime.nets.capture.calls import Traced
from revc.runtime.run.snapshots import watched

if TYPE_CHECKING:
    from revc.runtime.run.scheduled import Scheduled


class Kept(NamedTuple):
    """What a run keeps of one segment, in bytes.

    `residuals` are what it forgets, the values of its nets that are kept, and what its backward
    pass pulls cotangents from, if it is saved; `snapshot` is the raw state in front of it, if
    segments below rebuild theirs and it is the first of some that are saved. `host` is what lies on
    the host meanwhile, and not on the device: residuals that are offloaded.
    """

    name: str
    residuals: int
    snapshot: int
    host: int = 0

    @property
    def total(self) -> int:
        """What is kept on the device."""
        return self.residuals + self.snapshot


def kept_bytes(model: "Scheduled", values: Mapping[str, Tensor]) -> list[Kept]:
    """Return what a run of a model keeps of each segment it passes, under the model's schedule.

    The run is made with fake tensors of the shapes, dtypes and flags of `values`: nothing is
    computed. Each storage counts once, in the segment that first keeps it; parameters, buffers and
    inputs do not count.
    """
    with FakeTensorMode(allow_non_fake_inputs=True) as mode:
        fakes = {name: mode.from_tensor(value) for name, value in values.items()}
        own = [*model.parameters(), *model.buffers()]
        # Autograd, which stands above what is fake, saves some parameters as they are.
        counter = _Counter([*fakes.values(), *own, *map(mode.from_tensor, own)])
        hooks = torch.autograd.graph.saved_tensors_hooks(counter.packed, lambda value: value)
        with torch.enable_grad(), watched(counter.note), hooks:
            out = model(**fakes)
        del out
    sizes = model.interface.measure(values)
    names = [step.name for step in model.steps(sizes)]
    return [Kept(name, *counter.found.get(at, (0, 0, 0))) for at, name in enumerate(names)]


class _Counter:
    """Counts the bytes of storages as a run keeps them, each once; those of `known` do not count.

    What brought nets keep, autograd packs, between the beginning of a segment and its end.
    """

    def __init__(self, known: Iterable[Tensor]) -> None:
        self.found: dict[int, tuple[int, int, int]] = {}
        self._seen = {value.untyped_storage()._cdata: value for value in known}
        self._packed: list[Tensor] = []

    def packed(self, value: Tensor) -> Tensor:
        """Note a tensor that autograd saves."""
        self._packed.append(value)
        return value

    def note(self, position: int, what: str, values: Sequence[Any]) -> None:
        """Count what a segment keeps."""
        if what not in ("residuals", "snapshot", "kept", "host"):
            self._packed.clear()
            return
        residuals, snapshot, host = self.found.get(position, (0, 0, 0))
        if what == "snapshot":
            snapshot += self._bytes(_tensors(tuple(values)))
        elif what == "host":
            host += self._bytes(_tensors(tuple(values)))
        elif what == "kept":
            residuals += self._bytes(_tensors(tuple(values)))
        else:
            residuals += self._bytes([*_tensors(tuple(values)), *self._packed])
        self.found[position] = residuals, snapshot, host

    def _bytes(self, values: Iterable[Tensor]) -> int:
        total = 0
        for value in values:
            storage = value.untyped_storage()
            if storage._cdata not in self._seen:
                self._seen[storage._cdata] = value
                total += storage.nbytes()
        return total


def _tensors(kept: Any) -> Iterator[Tensor]:
    """Yield the tensors of residuals, those that pull brought nets' gradients among them."""
    if type(kept) is tuple:
        for one in kept:
            yield from _tensors(one)
    elif isinstance(kept, Handle):
        yield from kept.inputs
    elif isinstance(kept, Traced):
        yield from kept.residuals
    elif isinstance(kept, Tensor):
        yield kept
