"""In how many pieces nets run, searched together with the schedule.

Chunks divide what nets hold while they run and cost launches alone, which operations do not count:
so a plan that computes less goes first, and of equals the one with fewer chunks.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import gcd
from typing import Any, NoReturn

from torch import Tensor

from revc.codegen.compile import assemble
from revc.codegen.graphs import CompiledGraphs
from revc.errors import BindError, ScheduleError
from revc.passes.schedule.segments import TooLittleError
from revc.planning.budget import budget_for
from revc.planning.link import link_of
from revc.planning.plan import Counted, How, Planned, plan_from, start
from revc.planning.watch import Progress, Watch
from revc.runtime.chunks import Chunks, chunks_of
from revc.runtime.model import ReversibleModel

PIECES = (1, 2, 4, 8, 16)
"""The numbers of pieces that are tried where nothing else is said."""


class TooLittleInChunksError(TooLittleError):
    """No choice fits in any number of chunks; `chunks` is that which needs least."""

    def __init__(self, memory: int, least: int, name: str, chunks: Chunks) -> None:
        super().__init__(memory, least, f"{name} with chunks = {chunks}")
        self.chunks = chunks


@dataclass(frozen=True)
class Chunked:
    """Chunks, the model compiled with it, and its plan.

    `model` has the nets of the one that was planned, and its own segments.
    """

    chunks: Chunks
    model: ReversibleModel
    planned: Planned


class ChunkPlans:
    """Plans of a model on inputs, in each of the chunks that may be; costs are counted once.

    Raises:
        BindError: the inputs do not fit, or the model comes from a package.
    """

    def __init__(
        self, model: ReversibleModel, values: Mapping[str, Tensor], counts: Iterable[Chunks]
    ) -> None:
        in_order = sorted(set(counts), key=lambda count: (count.pieces, count.sequence))
        self.models = {count: in_chunks(model, count) for count in in_order}
        self._model, self._values = model, values
        self._known: dict[Chunks, Planned | Counted] = {}

    def plan(
        self, memory: int | str | None, limit: float | None = None, *, measure: bool = True,
        progress: Progress | None = None, offload: float | str | None = None,
        flops: float | None = None, compiled: bool = False,
    ) -> Chunked:  # fmt: skip
        """Return the plan of least operations within a budget, with as few chunks as it takes.

        Takes and raises what `revc.plan` does. The `limit` is for all: each of the chunks has its
        part of what the ones before left, and once it is over no more are tried if a plan is there.
        """
        how = How(measure, link_of(offload, flops), compiled)
        memory = budget_for(self._model, memory)
        watch = Watch(limit, progress)
        best: Chunked | None = None
        refused: list[tuple[Chunks, ScheduleError]] = []
        for left, count in zip(range(len(self.models), 0, -1), self.models, strict=True):
            if best is not None and watch.over:
                return replace(best, planned=replace(best.planned, in_time=False))
            try:
                found = self._planned(count, memory, how, watch.part(left))
            except ScheduleError as error:
                refused.append((count, error))
                continue
            if best is None or _total(found.planned) < _total(best.planned):
                best = found
            if found.planned.flops == 0:
                break
        if best is None:
            _refuse(memory, refused)
        return best

    def _planned(self, count: Chunks, memory: int, how: How, watch: Watch) -> Chunked:
        """Return the plan in so many chunks.

        Raises:
            ScheduleError: none fits.
        """
        model, values = self.models[count], self._values
        known = self._known[count] = start(model, values, how, watch, self._known.get(count))
        found = plan_from(model, values, memory, known, how, watch)
        self._known[count] = found
        return Chunked(count, model, found)


def plan_chunks(
    model: ReversibleModel,
    *args: Tensor,
    memory: int | str | None = None,
    inputs: Mapping[str, Tensor] | None = None,
    counts: Sequence[int | tuple[int, int]] | None = None,
    **how: Any,
) -> Chunked:
    """Return the schedule and number of chunks of least recomputation within a budget.

    ``found = revc.plan_chunks(model, x, memory="512MiB")``, then ``found.model.schedule =
    found.planned.schedule``, or ``revc.compile(.., chunks=found.chunks)``.

    Args:
        model: from `revc.compile`; it is compiled anew with each number, with the same nets.
        args, inputs, memory: see `revc.plan`, which takes what is in `how` too.
        counts: the chunks that may be, as `revc.compile` takes them; those that divide the inputs
            are tried, from the fewest on, until nothing is computed again. None tries 1, 2, 4, 8
            and 16 pieces, along the batch as far as they divide it, and then along the sequence.

    Raises:
        BindError: the inputs do not fit, the model comes from a package, or none
            of the counts divides the batch.
        ScheduleError: no schedule fits in any of them; it says the least budget that one does.
    """
    values = model.interface.bind(args, inputs or {})
    wanted = counts_for(model, values) if counts is None else _fitting(model, values, counts)
    return ChunkPlans(model, values, wanted).plan(memory, **how)


def counts_for(model: ReversibleModel, values: Mapping[str, Tensor]) -> list[Chunks]:
    """Return chunks of equal pieces for inputs: along the batch first, then along the sequence.

    Raises:
        BindError: the inputs do not fit.
    """
    examples, places = _sizes(model, values)
    found = []
    for pieces in PIECES:
        batch = gcd(pieces, examples)
        if places % (pieces // batch) == 0:
            found.append(Chunks(batch, pieces // batch))
    return found


def _fitting(
    model: ReversibleModel, values: Mapping[str, Tensor], counts: Sequence[int | tuple[int, int]]
) -> list[Chunks]:
    """Return the chunks that cut inputs in equal pieces.

    Raises:
        BindError: none do, or the inputs do not fit.
    """
    examples, places = _sizes(model, values)
    wanted = [chunks_of(count) for count in counts]
    found = [c for c in wanted if examples % c.batch == 0 and places % c.sequence == 0]
    if not found:
        shown = ", ".join(map(str, wanted))
        where = f"a batch of {examples}" + (f" and sequences of {places}" if places > 1 else "")
        raise BindError(f"no chunks of {shown} divide {where}")
    return found


def _sizes(model: ReversibleModel, values: Mapping[str, Tensor]) -> tuple[int, int]:
    """Return the number of examples, and what divides the sequences of all inputs: 1 if none has.

    A sequence is axis 1 of what has another behind it, or of labels.
    """
    at = model.interface
    examples = at.examples(at.measure(values), values)
    lengths = [
        values[slot.name].shape[1]
        for slot in at.entries
        if len(slot.shape) > (1 if slot.kind == "label" else 2)
    ]
    return examples, gcd(*lengths) or 1


def in_chunks(model: ReversibleModel, chunks: Chunks) -> ReversibleModel:
    """Return a model that runs the same nets in other chunks.

    Raises:
        BindError: it was loaded from a package, whose graphs are written with theirs.
    """
    if chunks == model.interface.chunks:
        return model
    if not isinstance(model.graphs, CompiledGraphs):
        raise BindError(
            f"{model.interface.name} comes from a package: compile its spec to chunk it"
        )
    twin = assemble(model.graphs.program, model.net_modules(), chunks, model.plain)
    twin.made, twin.custom, twin.drift = model.made, model.custom, model.drift
    twin.capture, twin.rng = model.capture, model.rng
    twin.stacks.settings = model.stacks.settings
    twin.stacks.throttle.update(model.stacks.throttle)
    return twin


def _total(planned: Planned) -> float:
    return planned.costs.flops + planned.flops


def _refuse(memory: int, refused: Sequence[tuple[Chunks, ScheduleError]]) -> NoReturn:
    """Say the least budget of all chunks."""
    least = [(e.least, n, e.name) for n, e in refused if isinstance(e, TooLittleError)]
    if len(refused) == 1 or not least:
        raise refused[-1][1]
    size, count, name = min(least)
    raise TooLittleInChunksError(memory, size, name, count)
