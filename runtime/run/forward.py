"""The forward pass in eager mode: segment by segment."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from revc.errors import BindError
from revc.runtime.run.edges import Enter, Leave
from revc.runtime.run.held import encoded
from revc.runtime.run.holder import Ran
from revc.runtime.run.intake import Intake
from revc.runtime.run.modes import RunMode, restored
from revc.runtime.run.opening import open_bits
from revc.runtime.run.run import Run

if TYPE_CHECKING:
    from revc.runtime.model import ReversibleModel

_LENGTHS = "code lengths"  # no register is called so: a name has no space


def run_forward(
    model: "ReversibleModel", mode: RunMode, intake: Intake
) -> tuple[list[Tensor], Ran, Run]:
    """Run a program; return what the caller sees of results and emits, what it leaves, the run."""
    at, sizes, values = model.interface, intake.sizes, intake.values
    session = open_bits(model, mode, values.values()) if at.plan else None
    run = Run(model, mode, sizes, session, intake)
    with restored(mode):
        run.give(values)
        run.begin()
        flow = _enter(run, values)
        emits = _pass_all(run, flow, values)
        views = _leave(run, flow)
    assert run.final is not None
    run.intake = None  # the way back is not to hold the inputs
    raw = tuple(run.final[slot.name] for slot in at.gives)
    run.let_go()
    givens = tuple(values[slot.name] for slot in at.givens)
    lengths = views.pop() if at.plan else None
    seen = iter(views)
    shown = [r if s.kind == "label" else next(seen) for s, r in zip(at.gives, raw, strict=True)]
    ran = Ran(raw, givens, lengths, at.plan.rows, session, mode, run.check, None, run.keys)
    return [*shown, *(emits[name] for name in at.emits)], ran, run


def _enter(run: Run, values: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Make the state of a run; return the carriers of its registers and code lengths."""
    at = run.interface
    for slot in at.takes:
        if slot.kind == "label":
            run.state[slot.name] = encoded(slot, values[slot.name])
    names = [slot.name for slot in at.takes if slot.kind != "label"]
    flow = {}
    if names:
        flow = dict(zip(names, Enter.apply(run, *(values[n] for n in names)), strict=True))
    if run.lengths is not None:
        flow[_LENGTHS] = run.carrier(run.lengths)
    return flow


def _pass_all(run: Run, flow: dict[str, Tensor], values: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Run all segments; return what they emit, that of turns stacked.

    Raises:
        BindError: a loop that emits has no turns.
    """
    emits: dict[str, Tensor] = {}
    turns: dict[str, dict[int, Tensor]] = {}
    for position, (segment, turn) in enumerate(run.steps):
        plan = segment.plan
        names = [*plan.float_takes, *plan.float_givens]
        tensors = [flow[name] if name in flow else values[name] for name in names]
        tensors += [flow[_LENGTHS]] if plan.metered else []
        out = list(segment(run, position, *tensors))
        del tensors
        for name in plan.float_takes:
            del flow[name]
        if plan.metered:
            flow[_LENGTHS] = out.pop()
        gives = plan.float_gives
        flow.update(zip(gives, out, strict=False))
        for name, value in zip(plan.emits, out[len(gives) :], strict=True):
            if plan.loop:
                turns.setdefault(name, {})[turn] = value
            else:
                emits[name] = value
    while turns:
        name, stacked = turns.popitem()
        emits[name] = torch.stack([value for _, value in sorted(stacked.items())])
    if missing := [name for name in run.interface.emits if name not in emits]:
        raise BindError(f"a repeat of no turns emits no {', '.join(missing)}")
    return emits


def _leave(run: Run, flow: Mapping[str, Tensor]) -> list[Tensor]:
    """End a run; return what the caller sees of its results, and its code lengths if it has any."""
    names = [slot.name for slot in run.interface.gives if slot.kind != "label"]
    carriers = [flow[name] for name in names]
    carriers += [] if run.lengths is None else [flow[_LENGTHS]]
    if not carriers:
        run.finish()
        return []
    return list(Leave.apply(run, *carriers))
