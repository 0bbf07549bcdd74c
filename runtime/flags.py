"""Which kernels torch chooses: its flags, as a forward pass found them, for every net of the run.

A rebuild needs the kernels of the forward pass, and these depend on flags of the whole process: the
precision of float32 products, the back ends of attention and convolution, the demand for
deterministic algorithms. They are read as a run begins, and set again, where they are others by
then, as long as its nets run backwards. What another thread computes meanwhile is under them too.

One is not as it was found: `cudnn.benchmark` is off while nets run. It chooses by measuring, and
keeps what it chose for each thread, while autograd has a thread of its own for each device.
"""

from collections.abc import Callable
from functools import partial
from threading import RLock
from typing import Any, NamedTuple

import torch

_C: Any = torch._C


class Flags(NamedTuple):
    """What torch chooses kernels by on one kind of device.

    `values` are those of its flags, in the order of `_FLAGS`; `older` is the one word for all
    products of float32 (``torch.get_float32_matmul_precision``), None where they were set apart.
    """

    kind: str
    values: tuple[Any, ...]
    older: str | None


class _Flag(NamedTuple):
    """What a flag of `torch.backends` is called, how it is read and set."""

    name: str
    read: Callable[[], Any]
    write: Callable[[Any], Any]


def _flag(name: str, getter: str, setter: str, spread: bool = False) -> list[_Flag]:
    """Return a flag with two functions of torch's, if this torch has them."""
    read, write = getattr(_C, getter, None), getattr(_C, setter, None)
    if read is None or write is None:
        return []
    return [_Flag(name, read, (lambda value: write(*value)) if spread else write)]


def _precision(device: str, place: str) -> _Flag:
    read = partial(_C._get_fp32_precision_getter, device, place)
    write = partial(_C._set_fp32_precision_setter, device, place)
    return _Flag(f"{device}.{place}.fp32_precision", read, write)


_PLACES = ("matmul", "conv", "rnn")


def _deterministic() -> tuple[bool, bool]:
    return _C._get_deterministic_algorithms(), _C._get_deterministic_algorithms_warn_only()


def _set_deterministic(value: tuple[bool, bool]) -> None:
    _C._set_deterministic_algorithms(value[0], warn_only=value[1])


_BOTH = [
    _Flag("deterministic algorithms", _deterministic, _set_deterministic),
    *_flag("flash_sdp", "_get_flash_sdp_enabled", "_set_sdp_use_flash"),
    *_flag("fa3_sdp", "_get_fa3_sdp_enabled", "_set_sdp_use_fa3"),
    *_flag("mem_efficient_sdp", "_get_mem_efficient_sdp_enabled", "_set_sdp_use_mem_efficient"),
    *_flag("math_sdp", "_get_math_sdp_enabled", "_set_sdp_use_math"),
    *_flag("cudnn_sdp", "_get_cudnn_sdp_enabled", "_set_sdp_use_cudnn"),
    *_flag("fp16_bf16_reduction_math_sdp", "_get_math_sdp_allow_fp16_bf16_reduction",
           "_set_math_sdp_allow_fp16_bf16_reduction"),
    *_flag("priority of attention", "_get_sdp_priority_order", "_set_sdp_priority_order"),
]  # fmt: skip
_CPU = [
    *(_precision("mkldnn", place) for place in _PLACES),
    *_flag("mkldnn.enabled", "_get_mkldnn_enabled", "_set_mkldnn_enabled"),
    *_flag("mkldnn.deterministic", "_get_mkldnn_deterministic", "_set_mkldnn_deterministic"),
]
_REDUCED = "cublas_allow_{}_reduced_precision_reduction"
_CUDA = [
    *(_precision("cuda", place) for place in _PLACES),
    *_flag("cudnn.enabled", "_get_cudnn_enabled", "_set_cudnn_enabled"),
    *_flag("cudnn.deterministic", "_get_cudnn_deterministic", "_set_cudnn_deterministic"),
    *_flag("cudnn.depthwise_kernel", "_get_cudnn_depthwise_kernel", "_set_cudnn_depthwise_kernel"),
    *[flag for dtype in ("fp16", "bf16") for flag in _flag(
        f"matmul.allow_{dtype}_reduced_precision_reduction", f"_get_{_REDUCED.format(dtype)}",
        f"_set_{_REDUCED.format(dtype)}", spread=True,
    )],
    *_flag("matmul.allow_fp16_accumulation", "_get_cublas_allow_fp16_accumulation",
           "_set_cublas_allow_fp16_accumulation"),
]  # fmt: skip
_FLAGS = {"cpu": (*_BOTH, *_CPU), "cuda": (*_BOTH, *_CUDA)}
_READ = {kind: tuple(flag.read for flag in rows) for kind, rows in _FLAGS.items()}


def flags(device: torch.device) -> Flags:
    """Return what kernels on a device are chosen by now."""
    kind = "cpu" if device.type == "cpu" else "cuda"
    return Flags(kind, _values(kind), _older())


def differences(then: Flags, now: Flags) -> str:
    """Return the flags of a device that are not the same, in words; nothing if all are."""
    rows = zip(_FLAGS[then.kind], then.values, now.values, strict=True)
    return ", ".join(f"{flag.name} ({old}, here {new})" for flag, old, new in rows if old != new)


def precision(device: torch.device) -> str:
    """Return in words how float32 is multiplied on a device: as such, or in parts of fewer bits."""
    kind, backend = ("cpu", "mkldnn") if device.type == "cpu" else ("cuda", "cuda")
    rows = zip(_FLAGS[kind], _values(kind), strict=True)
    found = {flag.name: "ieee" if value == "none" else value for flag, value in rows}
    places = (f"{backend}.{place}.fp32_precision" for place in _PLACES)
    return ", ".join(f"{place.split('.')[1]} {found[place]}" for place in places)


def _values(kind: str) -> tuple[Any, ...]:
    return tuple([read() for read in _READ[kind]])


def _older() -> str | None:
    try:
        return str(_C._get_float32_matmul_precision())
    except RuntimeError:  # no one word says it
        return None


def _write(wanted: Flags) -> None:
    if wanted.older is not None and wanted.older != _older():
        _C._set_float32_matmul_precision(wanted.older)  # before those that it sets, too
    for flag, value in zip(_FLAGS[wanted.kind], wanted.values, strict=True):
        if flag.read() != value:
            flag.write(value)


class _Benchmark:
    """Keeps `cudnn.benchmark` off as long as the nets of any thread run.

    Runs are known by who holds them, and not counted: an interrupt may come anywhere.
    """

    def __init__(self) -> None:
        self.lock, self.was_on = RLock(), False  # a `__del__` may come while a thread has it
        self.runs: set[int] = set()

    def enter(self, run: int) -> None:
        """Begin to run nets."""
        with self.lock:
            self.runs.add(run)
            if _C._get_cudnn_benchmark():
                self.was_on = True
                _C._set_cudnn_benchmark(False)

    def leave(self, run: int) -> None:
        """End it, once or more; the last one leaves the flag as it was."""
        with self.lock:
            self.runs.discard(run)
            if not self.runs and self.was_on:
                _C._set_cudnn_benchmark(True)
                self.was_on = False


_benchmark = _Benchmark()


class chosen:
    """``with chosen(wanted):`` run nets by the kernels that they had under the flags `wanted`.

    None are wanted where torch.compile traces a run: they stay what they are.
    """

    __slots__ = ("before", "wanted")

    def __init__(self, wanted: Flags | None) -> None:
        self.wanted = wanted
        self.before: Flags | None = None

    def __enter__(self) -> None:
        wanted = self.wanted
        _benchmark.enter(id(self))
        if wanted is not None and (now := _values(wanted.kind)) != wanted.values:
            self.before = Flags(wanted.kind, now, _older())
            _write(wanted)

    def __exit__(self, *_: Any) -> None:
        try:
            if self.before is not None:
                _write(self.before)
        finally:
            _benchmark.leave(id(self))

    def __del__(self) -> None:
        # An interrupt between the beginning of `with` and its body reaches no `__exit__`.
        _benchmark.leave(id(self))
