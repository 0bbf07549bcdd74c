"""``valve``: the old value of a slot goes to the tape, a fresh one comes into its place."""

from typing import TYPE_CHECKING

import torch
from torch.fx import Node

from revc.codegen.statements.coded import (
    counted,
    drawn,
    evaluated,
    note,
    parameters,
    pull_parameters,
)
from revc.ir.instructions import Valve
from revc.runtime import cotangents
from revc.runtime.metered import counts, ops

if TYPE_CHECKING:
    from revc.codegen.body import Body
    from revc.codegen.pull import Pull

aten = torch.ops.aten


def lower(body: "Body", step: Valve) -> None:
    """Reset a slot, or undo that."""
    params, view = parameters(body, step.by), body.raw(step.target)[0]
    if not step.undo:
        note(body, step, view, params)
    fresh = _valved(body, step, view, params, step.undo)
    if step.undo:
        note(body, step, fresh, params)
    body.replace(step.target, fresh)


def pull(body: "Pull", step: Valve) -> None:
    """Undo a valve: the fresh value passes its cotangent to the distribution, then goes back."""
    params, found = evaluated(body, step.by)
    view, cot = body.raw(step.target)[0], body.cotangent(step.target)
    if step.undo:
        d_value, by_length = counted(body, step, view, params)
        cot = body.tape.call(cotangents.add, d_value, cot)
        d_value = body.tape.call(aten.zeros_like.default, cot)
    by_draw = drawn(body, step, cot, view, params)
    old = _valved(body, step, view, params, not step.undo)
    if not step.undo:
        d_value, by_length = counted(body, step, old, params)
    body.replace(step.target, old)
    body.replace_cotangent(step.target, d_value)
    pull_parameters(body, found, body.tape.call(counts.total, by_length, by_draw))


def _valved(body: "Body", step: Valve, view: Node, params: Node | None, undo: bool) -> Node:
    return body.effect(ops.valve, body.bits, view, params, body.site(step), undo)
