"""Where a program is checked: the name of each boundary, and the registers that live there.

Graphs hand registers over in orders of their own, which differ between directions. Hashed under
their names they can be compared, and two that changed places are told apart.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from revc.codegen.live_types import typed
from revc.codegen.root import segments_of
from revc.errors import InternalError
from revc.ir.dims import Dim
from revc.ir.instructions import Repeat
from revc.ir.program import Block


@dataclass(frozen=True)
class Place:
    """A boundary; `registers` in the order in which the graphs hand them over."""

    name: str
    registers: tuple[str, ...]


def places(block: Block, sizes: Mapping[str, int]) -> list[Place]:
    """Return the boundaries of a block in the order of its run, the end not among them."""
    steps, found = iter(typed(block)), list[Place]()
    for segment, part in segments_of(block):
        first, *_ = [next(steps) for _ in part]  # all of them are passed
        live = sorted(first[1])
        if not segment.loop:
            found.append(Place(f"segment {segment.name}", tuple(live)))
            continue
        (loop,) = part
        assert isinstance(loop, Repeat)
        others = (name for name in live if name not in loop.registers)
        row = (*loop.registers, *others)
        turns = range(size_of(loop.count, sizes))
        found += [Place(f"segment {segment.name}, turn {turn}", row) for turn in turns]
    return found


def size_of(dim: Dim, sizes: Mapping[str, int]) -> int:
    """Return what a dim comes to.

    Raises:
        InternalError: a size is missing.
    """
    value = dim.substitute({name: Dim.of(size) for name, size in sizes.items()}).integer
    if value is None:
        raise InternalError(f"no size for {dim}")
    return value
