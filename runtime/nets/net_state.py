"""What a module holds beside its inputs, and whether a call changes it."""

import weakref

import torch
from torch import Tensor, nn

_SMALL = 1 << 16
"""Elements of a buffer that is cheap to compare by value: statistics are small, tables are not."""

_looked_at: "weakref.WeakKeyDictionary[nn.Module, bool]" = weakref.WeakKeyDictionary()


class NetState:
    """The parameters and buffers of a module around one call.

    Torch counts writes to a tensor, but some kernels (those of norms with running statistics) write
    without counting: the first call of a module in training mode compares its buffers by value too.
    """

    def __init__(self, module: nn.Module) -> None:
        self.module = module
        self.buffers = dict(module.named_buffers())
        named = [*self.buffers.items(), *module.named_parameters()]
        self.versions = [(name, value, _version(value)) for name, value in named]
        self.copies: list[tuple[str, Tensor, Tensor]] = []
        if module.training and not _looked_at.get(module):
            _looked_at[module] = True
            items = self.buffers.items()
            small = [(n, b) for n, b in items if b.numel() <= _SMALL and b.device.type != "meta"]
            self.copies = [(name, value, value.detach().clone()) for name, value in small]

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
        return None


def _version(value: Tensor) -> int:
    return 0 if value.is_inference() else value._version
