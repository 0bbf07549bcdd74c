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


Asked = tuple[bool, ...] | None
"""Of each given of a block, whether its cotangent may be wanted in a VJP graph; None is all.

Nets brought from Python can then give it, in forward and VJP graph alike: they may take other
kernels for that.
"""


@dataclass(frozen=True)
class Wants:
    """Which registers, givens and net slots of a block want cotangents of graphs that keep.

    `fixed` says which givens hold the same until the backward pass, which is given them again.
    """

    takes: tuple[bool, ...]
    givens: tuple[bool, ...]
    nets: tuple[bool, ...]
    fixed: tuple[bool, ...]

    @property
    def some(self) -> bool:
        """Whether anything does."""
        return any((*self.takes, *self.givens, *self.nets))


@dataclass(frozen=True)
class Needs:
    """Which givens and which net slots of a block want cotangents."""

    givens: tuple[bool, ...]
    nets: tuple[bool, ...]
