"""What a module holds beside its inputs, and whether a call changes it."""

import weakref

import torch
from torch import Tensor, nn

from revc.runtime.state.checksum import digest

_SMALL = 1 << 16
"""Elements of a buffer that is cheap to copy: statistics are small, tables are not."""

_looked_at: "weakref.WeakKeyDictionary[nn.Module, bool]" = weakref.WeakKeyDictionary()


class NetState:
    """The parameters and buffers of a module around one call.

    Torch counts writes to a tensor, but some kernels (those of norms with running statistics) write
    without counting, and so does who writes to `.data`: the first call of a module in training mode
    compares its buffers by value too, large ones by a checksum.
    """

    def __init__(self, module: nn.Module) -> None:
        self.module = module
        self.buffers = dict(module.named_buffers())
        named = [*self.buffers.items(), *module.named_parameters()]
        self.versions = [(name, value, _version(value)) for name, value in named]
        self.copies: list[tuple[str, Tensor, Tensor]] = []
        self.sums: list[tuple[str, Tensor, Tensor]] = []
        if module.training and not _looked_at.get(module):
            _looked_at[module] = True
            there = [(n, b) for n, b in self.buffers.items() if b.device.type != "meta"]
            self.copies = [(n, b, b.detach().clone()) for n, b in there if b.numel() <= _SMALL]
            large = [(n, b) for n, b in there if b.numel() > _SMALL and _is_plain(b)]
            self.sums = [(name, value, _sum(value)) for name, value in large]

    def changed(self) -> str | None:
        """Return the name of a parameter or buffer that was written to, None if there is none."""
        for name, value, version in self.versions:
            if _version(value) != version:
                return name
        now = dict(self.module.named_buffers())
        for name, value in self.buffers.items():
            if now.get(name) is not value:
                return name
        for name, value, copy in self.copies:
            if not torch.allclose(value, copy, rtol=0, atol=0, equal_nan=True):
                return name
        for name, value, known in self.sums:
            if not torch.equal(_sum(value), known):
                return name
        return None


def _is_plain(value: Tensor) -> bool:
    """Say whether a tensor is its bytes: no subclass, nothing sparse or quantised."""
    return type(value) is Tensor and value.layout == torch.strided and not value.is_quantized


def _sum(value: Tensor) -> Tensor:
    """Return a checksum of a tensor's bytes, whatever its dtype."""
    return digest(value.detach().resolve_conj().contiguous().reshape(-1).view(torch.uint8))


def _version(value: Tensor) -> int:
    return 0 if value.is_inference() else value._version
