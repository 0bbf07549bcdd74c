"""How the Triton kernels of warp tapes are launched: no choice changes a tape."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Launch:
    """A shape of programs, and what they are compiled to.

    A program has ``warps`` warps, each with ``chains`` streams (1 or 2) whose steps take turns.
    ``shared`` puts tables into shared memory, codes ``copies`` (1 or 16) times. ``assembly`` uses
    PTX, which ``shared`` needs. With ``ahead`` pops call for words before they need them.
    ``registers`` is the most that a thread may take, or None.
    """

    warps: int = 16
    chains: int = 2
    shared: bool = True
    assembly: bool = True
    copies: int = 16
    ahead: bool = True
    registers: int | None = 40

    @property
    def streams(self) -> int:
        """Streams of a program."""
        return self.warps * self.chains


LAUNCHES = (
    Launch(16, 2), Launch(16, 1, registers=32), Launch(4, 1, copies=1, registers=None),
    Launch(1, 1, shared=False, registers=None),
)  # fmt: skip
"""From the one with the most streams a program down."""
RESIDENT = 3
"""Programs of two chains that a multiprocessor has at once: with fewer, one chain is faster."""


def processors(device: torch.device) -> int:
    """Multiprocessors of a device; a CPU counts as one."""
    if device.type != "cuda":
        return 1
    return int(torch.cuda.get_device_properties(device).multi_processor_count)


def launch_for(streams: int, device: torch.device) -> Launch:
    """The launch of the largest programs that divide the streams and leave no processor idle."""
    if device.type != "cuda":
        return Launch(1, 1, shared=False, assembly=False, registers=None)
    wanted = processors(device)
    for launch in LAUNCHES[:2]:
        least = wanted * (RESIDENT if launch.chains == 2 else 1)
        if streams % launch.streams == 0 and streams // launch.streams >= least:
            return launch
    return LAUNCHES[3] if streams % LAUNCHES[2].streams else LAUNCHES[2]


@dataclass
class Streams:
    """The state of a tape, on its device; a stream's words begin after GUARD of its row.

    words int16 [streams, capacity]; heads int32 [streams * 32]; tops int32 [streams]; fault int32
    [2]: a symbol had no code, and more words were asked for than there are.
    """

    words: Tensor
    heads: Tensor
    tops: Tensor
    fault: Tensor

    @property
    def count(self) -> int:
        """Streams."""
        return self.tops.numel()
