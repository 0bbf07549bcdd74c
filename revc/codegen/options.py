"""What a graph is lowered for."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Self

from revc.runtime.chunks import WHOLE, Chunks

Value = tuple[int, str]
"""A value within the calls of a net: its slot in the block, and its name in the net's kind."""

Turns = tuple[frozenset[Value], ...]
"""The values that are kept of a segment, by the slots of its block: turn by turn as a run passes
them, or one set for all."""


@dataclass(frozen=True)
class Options:
    """How to lower.

    `chunks` are the pieces in which nets run; `traced` for torch.compile; `measured` with code
    lengths; `keep` are the values that the forward graph hands to the VJP graph, rather than that
    they are computed again.
    """

    chunks: Chunks = WHOLE
    traced: bool = False
    measured: bool = True
    keep: frozenset[Value] = frozenset()

    def below(self, rows: Iterable[Sequence[int]]) -> Self:
        """Return the options of a callee, whose slots are the caller's in `rows`, one a turn.

        Turns share their code: what is kept of one is kept of all.
        """
        if not self.keep:
            return self
        keep = {
            (slot, name)
            for row in rows
            for slot, of in enumerate(row)
            for known, name in self.keep
            if known == of
        }
        return replace(self, keep=frozenset(keep))


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
