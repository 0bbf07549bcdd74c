"""Run a torch net to see whether it draws random numbers: what its text alone does not tell.

A net is made as compiling would make it, and is called four times on one small input: twice in
training and twice in evaluation, with other seeds each time. It is silent if no generator moved, no
result differed and no buffer changed. That is what was seen, at one input, and no more.
"""

import random
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from revc.codegen.compile import imported_with
from revc.codegen.imports import may_import
from revc.errors import BindError
from revc.ir.dims import Dim
from revc.ir.nets import NetSlot, TorchClass
from revc.ir.types import Label, RegType
from revc.passes.analysis.torch_layers import SILENT, Looked
from revc.runtime.nets.binding import import_net

FREE = 4  # what a free size is here
ERRORS = (
    ArithmeticError, AssertionError, AttributeError, LookupError, NameError, OSError, RuntimeError,
    TypeError, ValueError,
)  # fmt: skip


def prober(allowed: Sequence[str] | None = None) -> Callable[[NetSlot], Looked]:
    """Return what probes nets, each sort of net once.

    `allowed` are the modules that nets may come from, any with None; others are not known.
    """
    known: dict[object, Looked] = {}

    def probe(slot: NetSlot) -> Looked:
        source = slot.source
        assert isinstance(source, TorchClass)
        if not may_import(source.target, allowed):
            return Looked("unknown", f"{source.target} may not be imported")
        key = source.target, source.args, repr(source.kwargs), tuple(map(str, slot.inputs))
        if key not in known:
            known[key] = probed(slot, source)
        return known[key]

    return probe


def probed(slot: NetSlot, source: TorchClass) -> Looked:
    """Return what a net was seen to do; the generators of this process are left as they were.

    A net that cannot be made or run is not known: compiling has the word on that.
    """
    args, kwargs = imported_with(source)
    with generators_kept():
        torch.manual_seed(0)
        try:
            net = import_net(slot.name, source.target, args, kwargs)
            return _watched(net, source.target, [input_of(kind) for kind in slot.inputs])
        except BindError as error:
            return Looked("unknown", str(error))
        except ERRORS as error:
            what = f"{type(error).__name__}: {error}".splitlines()[0]
            return Looked("unknown", f"{source.target} could not be run ({what})")


def _watched(net: nn.Module, target: str, inputs: list[Tensor]) -> Looked:
    """Run a net in both modes, and say what it did besides reading."""
    drew = False
    for training in (True, False):
        net.train(training)
        mode = "training" if training else "evaluation"
        seen: list[list[Tensor]] = []
        for seed in (1, 2):
            _seed(seed)
            before, kept = _generators(), [b.clone() for b in net.buffers()]
            with torch.no_grad():
                seen.append([t.clone() for t in _tensors(net(*inputs))])
            torchs, *others = (a != b for a, b in zip(_generators(), before, strict=True))
            if any(others):
                return Looked("random", f"{target} drew some when it was run in {mode}")
            drew = drew or torchs
            if not all(torch.equal(a, b) for a, b in zip(kept, net.buffers(), strict=True)):
                return Looked("unknown", f"{target} changes its buffers as it runs")
        pairs = zip(*seen, strict=True)
        if not all(torch.equal(one, other) for one, other in pairs):
            return Looked("random", f"{target} gave other results when it was run again in {mode}")
    return Looked("charged", f"{target} drew by torch as it ran") if drew else SILENT


def _tensors(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, tuple | list):
        for item in value:
            yield from _tensors(item)


def input_of(kind: RegType, sizes: Mapping[str, Dim | int] | None = None) -> Tensor:
    """Return random values of a type; sizes that nobody gives are `FREE`."""
    shape = [_size(dim, sizes or {}) for dim in kind.shape]
    if isinstance(kind.numerics, Label):
        return torch.randint(_size(kind.numerics.size, sizes or {}), shape)
    return torch.randn(shape)


def _size(dim: Dim, sizes: Mapping[str, Dim | int]) -> int:
    known = dim.substitute({**dict.fromkeys(dim.names, FREE), **sizes}).constant
    return max(1, int(known or 1))


# --- generators ----------------------------------------------------------------------------------


def _generators() -> list[bytes]:
    """Return the states of the generators that code may draw from without being given one."""
    states = [torch.get_rng_state().numpy().tobytes(), repr(random.getstate()).encode()]
    numpy = sys.modules.get("numpy")
    return states + ([repr(numpy.random.get_state()).encode()] if numpy is not None else [])


def _seed(seed: int) -> None:
    """Seed Python and numpy, and torch always alike: what it draws, a net gets again."""
    torch.manual_seed(0)
    random.seed(seed)
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        numpy.random.seed(seed)


@contextmanager
def generators_kept() -> Iterator[None]:
    """Put the generators back as they were."""
    torch_state, python_state = torch.get_rng_state(), random.getstate()
    numpy = sys.modules.get("numpy")
    numpy_state = numpy.random.get_state() if numpy is not None else None
    try:
        yield
    finally:
        torch.set_rng_state(torch_state)
        random.setstate(python_state)
        if numpy is not None:
            numpy.random.set_state(numpy_state)
