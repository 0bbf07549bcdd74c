"""The autograd Function of a compiled program: nothing is stored but the final state."""

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from revc.errors import DoubleBackwardError
from revc.runtime.running import first_row

if TYPE_CHECKING:
    from revc.runtime.model import ReversibleModel
    from revc.runtime.modes import Mode


class Reversible(torch.autograd.Function):
    """Forward runs the forward graph; backward rebuilds every activation in the VJP graph."""

    @staticmethod
    def forward(
        ctx: Any, model: "ReversibleModel", mode: "Mode", left: dict[str, Any] | None,
        *tensors: Tensor,
    ) -> Any:  # fmt: skip
        """Return views.., emits.., code lengths if there are any, raw lattice and label registers..

        `tensors` are the registers, the givens and the parameters of the nets. What an eager run
        leaves beside tensors goes to `left`; a traced one with bits gives its ticket last.
        """
        result = model.run_forward(mode, tensors)
        if left is not None:
            left.update(session=result.session, check=first_row(result.checks))
        ctx.model, ctx.mode = model, mode
        ctx.rows = [int(trail.shape[0]) for trail in result.trail]
        ctx.dtypes = [tensor.dtype for tensor in tensors]
        ctx.emitted = [(emit.shape, emit.dtype) for emit in result.emits]
        ctx.session, ctx.tickets = result.session, len(result.ticket)
        ctx.lengths = [(x.shape, x.dtype) for x in result.lengths]
        ctx.save_for_backward(
            *result.raw, *tensors[len(model.interface.takes) :], *result.checks, *result.ticket
        )
        hidden = [raw for raw in result.raw if not raw.is_floating_point()]
        ctx.mark_non_differentiable(*hidden, *result.ticket)
        ctx.set_materialize_grads(False)  # zeros for the hidden state would be two more streams
        return (*result.views, *result.emits, *result.lengths, *hidden, *result.ticket)

    @staticmethod
    def backward(ctx: Any, *cotangents: Tensor) -> Any:
        """Return the cotangents of what `forward` took.

        Raises:
            DoubleBackwardError: the gradient is to be differentiated again.
            ReconstructionError: the rebuilt state is not the forward pass's.
        """
        if torch.is_grad_enabled():
            raise DoubleBackwardError(
                "a reversible backward pass cannot be differentiated again: "
                "run it without create_graph"
            )
        needed = ctx.needs_input_grad[3:]
        views = cotangents[: len(ctx.model.interface.gives)]
        emits = [
            torch.zeros(shape, dtype=dtype, device=ctx.mode.device) if cot is None else cot
            for cot, (shape, dtype) in zip(cotangents[len(views) :], ctx.emitted, strict=False)
        ]
        saved = list(ctx.saved_tensors)
        pulled, ticket = saved[: len(saved) - ctx.tickets], saved[len(saved) - ctx.tickets :]
        bits = ticket if ctx.session is None else [ctx.session.token]
        d_lengths = [
            torch.zeros(shape, dtype=dtype, device=ctx.mode.device)
            if cot is None and torch.compiler.is_compiling()
            else cot
            for cot, (shape, dtype) in zip(
                cotangents[len(views) + len(emits) :], ctx.lengths, strict=False
            )
        ]
        found = ctx.model.run_backward(
            ctx.mode, pulled, views, emits, needed, ctx.rows, (*bits, *d_lengths), ctx.session
        )
        cast = [
            grad.to(dtype) if needs and grad is not None else None
            for grad, dtype, needs in zip(found, ctx.dtypes, needed, strict=True)
        ]
        return (None, None, None, *cast)
