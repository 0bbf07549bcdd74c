"""``put`` and ``draw``: a whole register goes to a stack, or comes from one."""

from typing import TYPE_CHECKING

from torch.fx import Node

from revc.codegen.expressions import int_value
from revc.codegen.statements.coded import (
    counted,
    drawn,
    evaluated,
    note,
    parameters,
    pull_parameters,
)
from revc.ir.instructions.metered import Coded
from revc.runtime import cotangents
from revc.runtime.metered import counts, ops

if TYPE_CHECKING:
    from revc.codegen.body import Body
    from revc.codegen.pull import Pull


def lower(body: "Body", step: Coded) -> None:
    """Push a register, or pop one; note its length."""
    params = parameters(body, step.by)
    if step.takes:
        body.state[step.target] = _popped(body, step, params)
        note(body, step, body.state[step.target], params)
        return
    raw = body.state.pop(step.target)
    note(body, step, raw, params)
    _pushed(body, step, raw, params)


def pull(body: "Pull", step: Coded) -> None:
    """Pop what was pushed, or push what was popped."""
    params, found = evaluated(body, step.by)
    if not step.takes:
        raw = _popped(body, step, params)
        body.state[step.target] = raw
        body.cots[step.target], d_params = counted(body, step, raw, params)
        pull_parameters(body, found, d_params)
        return
    raw, cot = body.state.pop(step.target), body.cots.pop(step.target)
    d_value, d_params = counted(body, step, raw, params)
    cot = body.tape.call(cotangents.add, d_value, cot)
    by_draw = drawn(body, step, cot, raw, params)
    pull_parameters(body, found, body.tape.call(counts.total, d_params, by_draw))
    _pushed(body, step, raw, params)


def _pushed(body: "Body", step: Coded, raw: Node, params: Node | None) -> None:
    body.effect(ops.give, body.bits, raw, params, body.site(step))


def _popped(body: "Body", step: Coded, params: Node | None) -> Node:
    number = body.site(step)
    shape = [int_value(body.tape, dim, body.size) for dim in step.type.shape]
    dtype = body.library.sites[number].coding.dtype
    return body.effect(ops.take, body.bits, shape, params, dtype, body.device, number)
