"""The segments of a compiled artifact: the functions of its files as a run calls graphs."""

import importlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import torch

from revc.errors import BindError
from revc.runtime.cotangents import zeros_for
from revc.runtime.interface import Interface
from revc.runtime.schedule import kept_graphs, kept_name, saved_graphs
from revc.runtime.segment_plan import SegmentPlan

Function = Callable[..., tuple[Any, ...]]


class FullVjp:
    """A VJP function for every cotangent: where one is not wanted, it is computed and left."""

    def __init__(self, function: Function, plan: SegmentPlan) -> None:
        first = 2 * len(plan.gives)
        self.function, self.givens = function, range(first, first + len(plan.givens))

    def __call__(self, *args: Any) -> tuple[Any, ...]:
        """Run the function; givens without a cotangent get one of zero."""
        values = list(args)
        for given in self.givens:
            place = given + len(self.givens)
            if values[place] is None and values[given].dtype != torch.int64:
                values[place] = zeros_for(values[given])
        return self.function(*values)


class ArtifactSaved(NamedTuple):
    """The graphs that keep of a segment of an artifact, which give every cotangent."""

    keep: Function
    pull: Function
    givens: tuple[bool, ...]


class ArtifactSegment:
    """The graphs of a segment of an artifact."""

    def __init__(
        self, forward: Function, inverse: Function, vjp: Function, saved: ArtifactSaved | None
    ) -> None:
        self.forward, self.inverse, self._vjp, self._saved = forward, inverse, vjp, saved
        self.keeping: dict[tuple[int, ...], ArtifactSegment] = {}

    def saved(
        self, takes: Sequence[bool], givens: Sequence[bool], nets: Sequence[bool],
        fixed: Sequence[bool],
    ) -> ArtifactSaved:  # fmt: skip
        """Return the graphs that keep, which serve whatever is wanted.

        Raises:
            BindError: the artifact was written for a schedule that does not save the segment.
        """
        if self._saved is None:
            raise BindError(
                "an artifact has graphs that keep for the segments alone that its own schedule "
                "saves: compile the spec with another schedule"
            )
        return self._saved

    def vjp(self, givens: Sequence[bool], nets: Sequence[bool]) -> Function:
        """Return the VJP graph, which serves whatever is wanted."""
        return self._vjp


def keep_values(package: str, segments: Mapping[str, ArtifactSegment], at: Interface) -> None:
    """Give segments the graphs that keep some of their values, as far as the artifact has them."""
    plans = {plan.graph: plan for plan in at.segments}
    for graph, chosen in kept_graphs(at):
        forward, vjp = (
            getattr(importlib.import_module(f"{package}.{name}"), kept_name(graph, chosen))
            for name in ("keep_forward", "keep_vjp")
        )
        full = FullVjp(vjp, plans[graph])
        made = ArtifactSegment(forward, segments[graph].inverse, full, None)
        segments[graph].keeping[chosen] = made


def saved_of(package: str, plan: SegmentPlan, at: Interface) -> ArtifactSaved | None:
    """Return the graphs that keep of a segment, None if the artifact has none."""
    if plan.graph not in saved_graphs(at):
        return None
    keep, pull = (
        getattr(importlib.import_module(f"{package}.{name}"), plan.graph)
        for name in ("keep", "pull")
    )
    return ArtifactSaved(keep, pull, tuple(name not in plan.labels for name in plan.givens))
