"""The reversible packages that revc is measured against; `make peers` installs them.

Each takes both streams joined on the last axis, as its interface asks, and returns them so.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from benchmarks.nets import Layer


def revtorch(stack: list[Layer]) -> nn.Module:
    """RevTorch: stores the last output, rebuilds by subtraction."""
    from revtorch import ReversibleBlock, ReversibleSequence

    blocks = [ReversibleBlock(layer.f, layer.g, split_along_dim=2) for layer in stack]
    return ReversibleSequence(nn.ModuleList(blocks))


def reformer(stack: list[Layer]) -> nn.Module:
    """reformer-pytorch's reversible sequence, which descends from RevTorch's."""
    from reformer_pytorch.reversible import ReversibleSequence

    return ReversibleSequence(nn.ModuleList(nn.ModuleList((x.f, x.g)) for x in stack))


def revlib(stack: list[Layer]) -> nn.Module:
    """revlib in its default mode, whose streams swap after each half layer."""
    from revlib import ReversibleSequential

    halves = [half for layer in stack for half in (layer.f, layer.g)]
    return ReversibleSequential(*halves, split_dim=2)


class Memcnn(nn.Module):
    """A stack of memcnn's wrappers; it empties the storage of its input, so it is given a copy."""

    def __init__(self, stack: list[Layer]) -> None:
        super().__init__()
        from memcnn import AdditiveCoupling, InvertibleModuleWrapper

        couplings = [AdditiveCoupling(layer.f, layer.g, split_dim=2) for layer in stack]
        self.blocks = nn.Sequential(*(InvertibleModuleWrapper(c) for c in couplings))

    def forward(self, x: Tensor) -> Tensor:
        joined: Tensor = self.blocks(torch.clone(x))
        return joined


PEERS: dict[str, Callable[[list[Layer]], nn.Module]] = {
    "revtorch": revtorch,
    "memcnn": Memcnn,
    "revlib": revlib,
    "reformer-pytorch": reformer,
}
