"""A CUDA device played on the CPU: tensors that say they are on it, and refuse to meet others.

The data are the CPU's, so a program gives the very bits that it gives on the CPU, if all that it
makes is on the device of what it is given. Which tensors are "on the device" is known by their
memory. The Triton back end is played by the numba one, the fused attention by the CPU's.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar
from unittest.mock import patch

import torch
from torch import Tensor
from torch._library.custom_ops import OPDEFS
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import TorchDispatchMode, _disable_current_modes
from torch.utils._pytree import tree_flatten, tree_map

from revc.runtime.bits.backends import backend
from revc.runtime.bits.cpu import CpuBackend
from revc.runtime.bits.snap import snap_loc, snap_scale
from revc.runtime.bits.window import window_of
from tests.played_attention import ATTENTION

CUDA = torch.device("cuda", 99)
"""No card has this number: what is cached for a device is none of a real one's."""

aten = torch.ops.aten

_COPIES = {aten.copy_.default, aten._to_copy.default}
_CHANCE = {
    "scatter_add", "scatter_reduce", "put", "histc", "kthvalue", "median", "nanmedian",
    "grid_sampler_2d_backward", "grid_sampler_3d_backward", "max_pool3d_with_indices_backward",
    "adaptive_max_pool2d_backward", "_adaptive_avg_pool2d_backward", "avg_pool3d_backward",
    "_adaptive_avg_pool3d_backward", "fractional_max_pool2d_backward", "nll_loss2d_forward",
    "upsample_linear1d_backward", "upsample_bilinear2d_backward", "upsample_bicubic2d_backward",
    "upsample_trilinear3d_backward", "reflection_pad1d_backward", "reflection_pad2d_backward",
    "replication_pad1d_backward", "replication_pad2d_backward", "_ctc_loss_backward",
    "_embedding_bag_dense_backward", "max_unpool2d",
}  # fmt: skip
"""What `torch.use_deterministic_algorithms` says to have no deterministic form on CUDA."""


class DevicesMixed(RuntimeError):
    """An operator was given tensors of two devices."""


class NotRepeated(RuntimeError):
    """An operator was called that repeats its result on CUDA by chance only."""


class Played(TorchDispatchMode):
    """The device, while it is there."""

    memory: ClassVar[dict[int, StorageWeakRef]] = {}
    """By address, which no other memory gets as long as there is a weak reference to it."""

    def __enter__(self) -> "Played":
        for address in [a for a, memory in self.memory.items() if memory.expired()]:
            del self.memory[address]
        super().__enter__()
        return self

    def holds(self, x: Tensor) -> bool:
        """Say whether a tensor is on the device."""
        return x.untyped_storage()._cdata in self.memory

    def claim(self, x: Any) -> Any:
        """Put a tensor on the device; what is none passes."""
        if isinstance(x, Tensor):
            storage = x.untyped_storage()
            self.memory[storage._cdata] = StorageWeakRef(storage)
        return x

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = dict(kwargs or {})
        own = OPDEFS.get(f"{func.namespace}::{func._opname}")
        if own is not None:
            with self:
                return own._init_fn(*args, **kwargs)
        if by_chance(func, args, kwargs):
            raise NotRepeated(f"{func} does not have a deterministic implementation")
        tensors = [x for x in tree_flatten((args, kwargs))[0] if isinstance(x, Tensor)]
        here = [self.holds(x) for x in tensors]
        if any(here) and not all(here) and func not in _COPIES:
            self.refuse(func, tensors, here)
        target = kwargs.get("device")
        claims = target is not None and torch.device(target).type == "cuda"
        # A cast within torch says the device that it takes the tensor to be on; `moved` moves.
        claims |= any(here) and (target is None or func is aten._to_copy.default)
        claims &= func is not aten.copy_.default  # what is copied to stays where it is
        if target is not None:
            kwargs["device"] = torch.device("cpu")
        if kwargs.get("pin_memory"):
            kwargs["pin_memory"] = False
        out = ATTENTION.get(func, func)(*args, **kwargs)
        return tree_map(self.claim, out) if claims else out

    def refuse(self, func: Any, tensors: list[Tensor], here: list[bool]) -> None:
        """Raise unless those elsewhere are numbers, which elementwise operators and writes take."""
        others = [x for x, held in zip(tensors, here, strict=True) if not held]
        takes = torch.Tag.pointwise in func.tags or func is aten.index_put_.default
        if takes and all(x.dim() == 0 for x in others):
            return
        shapes = [list(x.shape) for x in others]
        raise DevicesMixed(f"{func} is given tensors of {shapes} on the CPU beside those on CUDA")


def by_chance(func: Any, args: Any, kwargs: dict[str, Any]) -> bool:
    """Say whether an operator on CUDA sums, or chooses, in any order."""
    name = func._opname.rstrip("_")
    if name == "cumsum":
        return bool(args[0].is_floating_point())
    if name == "bincount":  # a plain one counts integers
        return kwargs.get("weights") is not None or len(args) > 1
    return name in _CHANCE


class _Move(torch.autograd.Function):
    """A copy to the device or back; so is its cotangent's."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, device: Played, there: bool) -> Tensor:
        """Return a copy of x, on the device if it is to be `there`."""
        ctx.device, ctx.back = device, device.holds(x)
        with _disable_current_modes():
            copy = x.detach().clone()
        return device.claim(copy) if there else copy  # type: ignore[no-any-return]

    @staticmethod
    def backward(ctx: Any, *cotangents: Tensor) -> Any:
        """Return the cotangent where x was."""
        return _Move.apply(cotangents[0], ctx.device, ctx.back), None, None


class _Event:
    """An event that has passed as soon as it is recorded."""

    def record(self, stream: Any = None) -> None:
        """Pass."""

    def query(self) -> bool:
        """Say that it has passed."""
        return True


class _TritonPlayed(CpuBackend):
    """The numba kernels under the other's name; their memory has to be on the device."""

    name = "triton"

    def __init__(self, device: Played) -> None:
        self.device = device

    def run(self, kernel: str, state: Any, first: int, last: int, *arguments: Tensor | int) -> None:
        """Run a kernel, having looked where its arguments are."""
        for x in (state.words, state.heads, state.fill, state.debt, *arguments):
            if isinstance(x, Tensor) and not self.device.holds(x):
                raise DevicesMixed(f"kernel {kernel} is given a tensor on the CPU")
        with _numbers():
            super().run(kernel, state, first, last, *arguments)

    def first_heads(self, state: Any) -> None:
        """Set the heads of an untouched stack."""
        with _numbers():
            super().first_heads(state)

    def floor_words(self, state: Any, index: Tensor) -> Tensor:
        """Word number ``index[lane]`` below the floor of each lane."""
        with _numbers():
            return self.device.claim(super().floor_words(state, index))  # type: ignore[no-any-return]

    def sizes(self, state: Any, spilled: int) -> Tensor:
        """Size of every sequence."""
        with _numbers():
            return self.device.claim(super().sizes(state, spilled))  # type: ignore[no-any-return]


_numpy = Tensor.numpy


@contextmanager
def _numbers() -> Iterator[None]:
    """Let memory be read as it is."""
    with _disable_current_modes(), patch.object(Tensor, "numpy", _numpy):
        yield


@contextmanager
def played() -> Iterator[Played]:
    """Play a CUDA device for the time: ``x.to("cuda")``, ``torch.zeros(3, device="cuda")``."""
    device = Played()
    to = Tensor.to

    def moved(x: Tensor, *args: Any, copy: bool = False, **kwargs: Any) -> Tensor:
        if args and isinstance(args[0], Tensor):
            args = (args[0].device, args[0].dtype)
        where, dtype, _, layout = torch._C._nn._parse_to(*args, **kwargs)
        there = device.holds(x) if where is None else where.type == "cuda"
        out = x if there == device.holds(x) else _Move.apply(x, device, there)
        if dtype is not None or layout is not None:
            out = to(out, dtype=dtype or out.dtype, memory_format=layout or torch.preserve_format)
        return out.clone() if copy and out is x else out

    def read(x: Tensor, *args: Any, **kwargs: Any) -> Any:
        if device.holds(x):
            raise TypeError("can't convert cuda device type tensor to numpy")
        return _numpy(x, *args, **kwargs)

    def place(x: Tensor) -> torch.device:
        return CUDA if device.holds(x) else torch._C.TensorBase.device.__get__(x)  # type: ignore[attr-defined]

    def chosen(name: str) -> Any:
        return _TritonPlayed(device) if name == "triton" else backend(name)

    members = {
        "to": moved, "numpy": read, "device": property(place),
        "cpu": lambda x: moved(x, "cpu"), "cuda": lambda x, device=None: moved(x, "cuda"),
        "new_tensor": lambda x, data: torch.tensor(data, dtype=x.dtype, device=x.device),
        "is_cuda": property(device.holds), "is_cpu": property(lambda x: not device.holds(x)),
    }  # fmt: skip
    with (
        patch.multiple(Tensor, create=True, **members),
        patch.multiple(torch.cuda, _lazy_init=lambda: None, Event=_Event,
                       current_stream=lambda device=None: None,
                       default_stream=lambda device=None: None),
        patch("revc.runtime.bits.engine.backend", chosen),
        patch("revc.runtime.bits.stack.backend", chosen),
        patch("revc.runtime.state.device._loaded", lambda: None),  # operators stand for kernels
        patch("revc.runtime.metered.device._loaded", lambda _name: None),
        patch("revc.runtime.bits.gpu.grid.snapped", _snapped(device)),
        patch("revc.runtime.bits.gpu.grid.kept", _kept(device)),
        _lifting_first(),
        device,
    ):  # fmt: skip
        yield device


def _snapped(device: Played) -> Any:
    """Play the kernel of that name by what it stands for."""

    def snapped(loc: Tensor, scale: Tensor, step: float) -> tuple[Tensor, ...]:
        with _numbers():
            where, width = (torch.nan_to_num(x.double(), nan=1.0) for x in (loc, scale))
            bad = torch.stack([~loc.isfinite().all(), ~((scale > 0) & scale.isfinite()).all()])
            found = (snap_loc(where, step), snap_scale(width, step), bad)
        return tuple(device.claim(x) for x in found)

    return snapped


def _kept(device: Played) -> Any:
    """Play the kernel of that name by what it stands for."""

    def kept(symbols: Tensor, family: str, loc: Tensor, scale: Tensor) -> tuple[Tensor, Tensor]:
        with _numbers(), patch.object(Tensor, "device", torch._C.TensorBase.device):
            low, high = window_of(family, loc, scale).ends()
            found = torch.minimum(torch.maximum(symbols.long(), low), high).to(symbols.dtype)
            return device.claim(found), device.claim((found != symbols).any())

    return kept


@contextmanager
def _lifting_first() -> Iterator[None]:
    """Let ``torch.tensor(.., device="cuda")`` make a CPU tensor, and copy where a mode sees it."""
    torch._C._ensureCUDADeviceGuardSet()  # a guard that does nothing, where torch has none
    before = torch._C._only_lift_cpu_tensors()
    torch._C._set_only_lift_cpu_tensors(True)
    try:
        yield
    finally:
        torch._C._set_only_lift_cpu_tensors(before)
