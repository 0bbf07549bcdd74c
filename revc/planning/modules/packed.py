"""What autograd saves, and is kept as it is where other things are packed by hooks."""

from collections.abc import Iterable
from dataclasses import dataclass

from torch import Tensor

from revc.errors import ReconstructionError
from revc.planning.held import storages
from revc.runtime.run.held import version


@dataclass(frozen=True)
class Itself:
    """A saved tensor. Torch counts no writes to what hooks hand it: `version` does."""

    tensor: Tensor
    version: int

    @staticmethod
    def of(value: Tensor) -> "Itself":
        """Return a tensor as it is now."""
        return Itself(value, version(value))

    def back(self) -> Tensor:
        """Return the tensor.

        Raises:
            ReconstructionError: it was written to meanwhile.
        """
        if self.version != version(self.tensor):
            raise ReconstructionError(
                f"a tensor of shape {list(self.tensor.shape)} that gradients are made of was "
                "changed in place after the forward pass"
            )
        return self.tensor


class Own:
    """The memory of parameters and buffers: what lies in it is there anyway, views of it too."""

    def __init__(self, tensors: Iterable[Tensor]) -> None:
        self._keys = storages(list(tensors)).keys()

    def __contains__(self, value: Tensor) -> bool:
        return not storages(value).keys().isdisjoint(self._keys)
