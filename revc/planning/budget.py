"""Which budget a plan keeps: the one that is asked for, the spec's own, or what is free."""

from revc.codegen.graphs import CompiledGraphs
from revc.errors import ScheduleError
from revc.ir.program import MemoryBound
from revc.passes.schedule.units import parse_bytes, show_bytes
from revc.planning.free_memory import free_for
from revc.runtime.model import ReversibleModel

AUTO = "auto"


def budget_for(model: ReversibleModel, memory: int | str | None) -> int:
    """Return the bytes that a plan of a model may take.

    Args:
        model: what is planned, on the device where it is to be trained.
        memory: bytes, or as ``512MiB``; ``auto`` for what its device has free; None for the budget
            of its spec. A spec's budget bounds the others too: ``auto`` takes no more, and to ask
            for more is an error, while to ask for less is not.

    Raises:
        ScheduleError: there is no budget, `memory` is no size or above the spec's, or what is free
            is not known.
    """
    own = own_budget(model)
    if memory is None:
        if own is None:
            raise ScheduleError(
                "no budget: say one, as in 512MiB, or write `budget memory <= 512 MiB` in the spec"
            )
        return own.size
    if memory == AUTO:
        free = free_for(model)
        return free if own is None else min(free, own.size)
    asked = parse_bytes(memory) if isinstance(memory, str) else memory
    if own is not None and asked > own.size:
        raise ScheduleError(
            f"{show_bytes(asked)} is above the budget of the spec itself, {show_bytes(own.size)} "
            f"on line {own.span.line}: ask for no more, or change that line"
        )
    return asked


def own_budget(model: ReversibleModel) -> MemoryBound | None:
    """Return the budget that a model's spec says; None too where a package was loaded."""
    graphs = model.graphs
    return graphs.program.memory if isinstance(graphs, CompiledGraphs) else None
