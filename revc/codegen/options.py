"""What a graph is lowered for."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Options:
    """How to lower.

    `chunks` pieces along the batch; `traced` for torch.compile; `measured` with code lengths.
    """

    chunks: int = 1
    traced: bool = False
    measured: bool = True


@dataclass(frozen=True)
class Needs:
    """Which givens and which net slots of a block want cotangents."""

    givens: tuple[bool, ...]
    nets: tuple[bool, ...]
