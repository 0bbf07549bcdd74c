"""Where a run is checked: the name of each boundary, and the registers that live there.

Hashed under their names registers can be compared, and two that changed places are told apart.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from revc.runtime.model import ReversibleModel


@dataclass(frozen=True)
class Boundary:
    """A boundary; `registers` in the order in which a run hands them over."""

    name: str
    registers: tuple[str, ...]


def boundaries(model: ReversibleModel, sizes: Mapping[str, int]) -> list[Boundary]:
    """Return the boundaries of a run in its order, the end not among them."""
    return [Boundary(step.name, step.segment.live) for step in model.steps(sizes)]
