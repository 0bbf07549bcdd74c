"""The two ends of a run: from the caller's tensors to raw state, and back to floats."""

from typing import Any

import torch
from torch import Tensor

from revc.runtime.run.function import refuse_double
from revc.runtime.run.held import encoded
from revc.runtime.run.run import Run
from revc.runtime.state import boundary


class Enter(torch.autograd.Function):
    """Takes the registers' values; gives their carriers."""

    @staticmethod
    def forward(ctx: Any, run: Run, *values: Tensor) -> Any:
        """Return a carrier for each register that is no label."""
        ctx.set_materialize_grads(False)
        ctx.dtypes = [value.dtype for value in values]
        ctx.clamped = None if run.intake is None else run.intake.clamped
        slots = [slot for slot in run.interface.takes if slot.kind != "label"]
        ctx.names = [slot.name for slot in slots]
        for slot, value in zip(slots, values, strict=True):
            run.state[slot.name] = encoded(slot, value)
        return tuple(run.carrier(value) for value in values)

    @staticmethod
    def backward(ctx: Any, *cotangents: Tensor | None) -> Any:
        """Return the cotangents in the values' dtypes."""
        refuse_double()
        found: list[Tensor | None] = []
        for name, cot, dtype in zip(ctx.names, cotangents, ctx.dtypes, strict=True):
            if cot is not None and dtype.is_floating_point:
                mask = ctx.clamped.get(name) if ctx.clamped else None
                cot = cot if mask is None else cot.masked_fill(mask, 0.0)
                found.append(cot.to(dtype))
            else:
                found.append(None)
        return (None, *found)


class Leave(torch.autograd.Function):
    """Takes the carriers of the results; gives what the caller sees of them."""

    @staticmethod
    def forward(ctx: Any, run: Run, *_: Tensor) -> Any:
        """Return floats for each register that is no label, and the code lengths if there are any.

        Ends the forward pass.
        """
        ctx.set_materialize_grads(False)
        slots = [slot for slot in run.interface.gives if slot.kind != "label"]
        views = [run.seen(slot, run.state[slot.name]) for slot in slots]
        run.finish()
        # A run that held an output would hold its own graph, which holds the run.
        return (*views, *([] if run.lengths is None else [run.lengths.detach()]))

    @staticmethod
    def backward(ctx: Any, *cotangents: Tensor | None) -> Any:
        """Return copies of the cotangents, which segments may write to."""
        refuse_double()
        return (None, *(None if cot is None else boundary.own(cot) for cot in cotangents))
