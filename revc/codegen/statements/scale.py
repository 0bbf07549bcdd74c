"""``scale``: a place times a factor; on a lattice the remainders go to the tape."""

from typing import TYPE_CHECKING

import torch
from torch.fx import Node

from revc.codegen.metering import exchanges
from revc.codegen.statements.coded import sign
from revc.ir.instructions import Scale
from revc.runtime.metered import counts, floats, ops

if TYPE_CHECKING:
    from revc.codegen.body import Body
    from revc.codegen.pull import Pull
    from revc.codegen.record import Pulling, Record

aten = torch.ops.aten


def lower(body: "Body", step: Scale) -> None:
    """Multiply or divide a place."""
    view, factor = body.raw(step.target)[0], body.value(step.factor)
    if exchanges(step, body.types) and body.options.measured:
        how = (body.site(step), sign(step.undo))
        args = (body.lengths, body.sites, *how, view, factor, step.lo, step.hi)
        body.effect(counts.count_scale, *args)
    body.replace(step.target, _scaled(body, step, view, factor, step.undo))


def pull(body: "Pull", step: Scale) -> None:
    """Undo a scaling; factor and place get their cotangents from what was multiplied."""
    found = body.evaluate(step.factor)
    factor = found.node
    view, cot = body.raw(step.target)[0], body.cotangent(step.target)
    old = _scaled(body, step, view, factor, not step.undo)
    if not found.active:  # a constant, say: only the place has a cotangent, the product's
        body.replace(step.target, old)
        body.replace_cotangent(step.target, _times(body, step, cot, factor))
        return
    value, bounds = body.floats(step.target.name, old), (step.lo, step.hi)
    if exchanges(step, body.types):
        how = (body.lengths, body.sites, body.site(step), sign(step.undo))
        both = body.tape.call(counts.scale_vjp, cot, *how, value, factor, *bounds)
    else:
        both = body.tape.call(floats.scale_vjp, cot, value, factor, *bounds, step.undo)
    body.replace(step.target, old)
    body.replace_cotangent(step.target, body.tape.item(both, 0))
    body.gather(found.pull(body.tape.item(both, 1)))


def record(body: "Record", step: Scale) -> "Pulling | None":
    """Scale float state; factor and place get their cotangents from what was multiplied."""
    found, view = body.evaluate(step.factor), body.raw(step.target)[0]
    value = body.floats(step.target.name, view)
    body.replace(step.target, _scaled(body, step, view, found.node, step.undo))
    if not found.active and step.target.name not in body.active:
        return None
    body.activate(step.target.name)

    def back() -> None:
        cot, how = body.cotangent(step.target), (step.lo, step.hi, step.undo)
        both = body.tape.call(floats.scale_vjp, cot, value, found.node, *how)
        body.replace_cotangent(step.target, body.tape.item(both, 0))
        body.gather(found.pull(body.tape.item(both, 1)))

    return back


def _times(body: "Body", step: Scale, cot: Node, factor: Node) -> Node:
    """Emit a cotangent times the factor as it counts, or over it."""
    if not exchanges(step, body.types):
        return body.tape.call(floats.scale, cot, factor, step.lo, step.hi, step.undo)
    held = body.tape.call(counts.held_factor, factor, step.lo, step.hi)
    return body.tape.call(aten.div.Tensor if step.undo else aten.mul.Tensor, cot, held)


def _scaled(body: "Body", step: Scale, view: Node, factor: Node, undo: bool) -> Node:
    """Emit an exact scaling, or that of a float register."""
    if not exchanges(step, body.types):
        return body.tape.call(floats.scale, view, factor, step.lo, step.hi, undo)
    number = body.site(step)
    return body.effect(ops.scale, body.bits, view, factor, step.lo, step.hi, number, undo)
