"""What was captured of each module, and when it may be used again."""

import threading
import weakref
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from revc.runtime.flags import flags
from revc.runtime.nets.capture.graphs import Captured, captured
from revc.runtime.nets.capture.look import Look
from revc.runtime.nets.capture.refusal import Refusal
from revc.runtime.nets.capture.trace import Sample, trace

_MOST = 64
"""How many shapes of one module are remembered; those that were used last stay."""


_PATIENCE = 64
"""How often a module is traced for one shape because what its code asks for has changed."""

_RESTLESS = Refusal(
    f"what its code asks for has changed {_PATIENCE} times: a buffer may hold it, which is given"
)


class _Known(NamedTuple):
    """What was found for a module as its settings were, and those of the process.

    Torch chooses kernels by its flags: attention is traced as the kernel that it would take.
    """

    settings: tuple[Any, ...]
    process: tuple[Any, ...]
    found: Captured | Refusal
    traces: int = 1


_known: "weakref.WeakKeyDictionary[nn.Module, OrderedDict[Any, _Known]]" = (
    weakref.WeakKeyDictionary()
)
_tracing = threading.RLock()


def capture(module: nn.Module, sample: Sample, look: Look | None = None) -> Captured | Refusal:
    """Return the graphs of a module for tensors like those of `sample`, or why there are none.

    What is known is used again where the tensors have the same shapes, strides, dtypes and wishes
    for gradients, and nothing else that the module's code may ask of it has changed; `look` is the
    latest one at it.
    """
    key = _key(sample)
    with _tracing:
        rows = _known.setdefault(module, OrderedDict())
        known = _current(rows.get(key), module, sample, look or Look())
        if known is not rows.get(key):
            rows[key] = known
            while len(rows) > _MOST:
                rows.popitem(last=False)
        rows.move_to_end(key)
    return known.found


def _current(known: _Known | None, module: nn.Module, sample: Sample, look: Look) -> _Known:
    """Return what is known, if it is of the module as it is now; else what is found anew."""
    if known is not None and known.traces > _PATIENCE:
        return known
    try:
        now = look.settings(module)
    except Refusal as refusal:  # nobody could tell when it changes
        return _Known((), (), refusal)
    given = (x.device for x in (*sample.params, *sample.inputs))
    process = process_settings(next(given, torch.device("cpu")))
    if known is None:
        return _Known(now, process, _captured(module, sample))
    if known.process == process and (known.settings is now or known.settings == now):
        return known
    more = known.traces + 1
    found = _captured(module, sample) if more <= _PATIENCE else _RESTLESS
    return _Known(now, process, found, more)


def why(found: Captured | Refusal) -> str:
    """Return why a module is called as it is, nothing if it is captured."""
    return str(found) if isinstance(found, Refusal) else ""


def answer(module: nn.Module) -> Captured | Refusal | None:
    """Return what was found for a module when it ran last, None if it never did."""
    rows = _known.get(module)
    return next(reversed(rows.values())).found if rows else None


def _captured(module: nn.Module, sample: Sample) -> Captured | Refusal:
    try:
        return captured(trace(module, sample))
    except Refusal as refusal:
        return refusal


def _key(sample: Sample) -> Any:
    values = map(_like, (*sample.params, *sample.inputs))
    return len(sample.params), sample.cast, *values


def process_settings(device: torch.device) -> tuple[Any, ...]:
    """Return what is chosen for the whole process: kernels on a device, and the dtype of numbers.

    Threads may differ in all else, and a backward pass may have one of its own.
    """
    kernels = None if device.type == "meta" else flags(device)  # which tensors without memory lack
    return kernels, torch.get_default_dtype()


def _like(value: Tensor) -> Any:
    return value.shape, value.stride(), value.dtype, value.device, value.requires_grad


def others_of(module: nn.Module, found: Captured) -> Sequence[Tensor]:
    """Return the tensors, beside parameters, that a module holds now and its graphs take."""
    return [place.rows(module)[place.name] for place in found.others]
