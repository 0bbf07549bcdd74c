"""What the numba and the Triton back end have in common, and the choice between them."""

from __future__ import annotations

from typing import Literal, Protocol

import torch
from torch import Tensor

from revc.runtime.bits.constants import DEFAULT_LANES, DEVICE_LANES
from revc.runtime.bits.errors import BackendError
from revc.runtime.bits.state import LaneState

BackendName = Literal["numba", "triton"]


class Backend(Protocol):
    """What the numba and the Triton back end have in common."""

    name: str

    def run(
        self, kernel: str, state: LaneState, first: int, last: int, *arguments: Tensor | int
    ) -> None:
        """Run ``kernel`` over steps ``first .. last - 1``, changing ``state`` in place."""

    def first_heads(self, state: LaneState) -> None:
        """Set the heads of an untouched stack."""

    def floor_words(self, state: LaneState, index: Tensor) -> Tensor:
        """Word number ``index[lane]`` below the floor of each lane, int64 [N]."""

    def sizes(self, state: LaneState, spilled: int) -> Tensor:
        """Size of every sequence, int64 [sequences], in 2**-20 bit."""


def backend(name: str) -> Backend:
    """The back end called ``name``; the Triton one is imported only when asked for.

    Raises:
        BackendError: there is none of that name, or its package is not installed.
    """
    if name == "numba":
        from revc.runtime.bits.cpu import CpuBackend

        return CpuBackend()
    if name == "triton":
        try:
            from revc.runtime.bits.gpu.backend import TritonBackend
        except ImportError as error:
            raise BackendError(f"back end 'triton' needs the extra revc[gpu]: {error}") from error
        return TritonBackend()
    raise BackendError(f"no back end {name!r}; there are 'numba' and 'triton'")


def default_backend(device: torch.device) -> BackendName:
    """The name of the back end for tensors on ``device``.

    Raises:
        BackendError: there is none.
    """
    if device.type == "cpu":
        return "numba"
    if device.type == "cuda":
        return "triton"
    raise BackendError(f"no back end works on {device}; there are 'cpu' and 'cuda'")


def default_lanes(device: torch.device) -> int:
    """Lanes of a sequence that suit ``device``, whatever else is coded beside the sequence.

    They depend on the kind of device alone: neither the batch nor the card changes which lane, and
    which random bits, an element gets.
    """
    return DEFAULT_LANES if device.type == "cpu" else DEVICE_LANES
