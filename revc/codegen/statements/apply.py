"""``apply``: a named bijection; on a lattice the tape keeps which input an image came from."""

from typing import TYPE_CHECKING

from torch.fx import Node

from revc.codegen.metering import exchanges
from revc.codegen.statements.coded import sign
from revc.ir.instructions import Apply
from revc.runtime.metered import counts, floats, ops

if TYPE_CHECKING:
    from revc.codegen.body import Body
    from revc.codegen.pull import Pull
    from revc.codegen.record import Pulling, Record


def lower(body: "Body", step: Apply) -> None:
    """Apply a named bijection, or undo it."""
    view = body.raw(step.target)[0]
    fresh = _applied(body, step, view, step.undo)
    if exchanges(step, body.types) and body.options.measured:
        how = (body.site(step), sign(step.undo))
        value = body.floats(step.target.name, fresh if step.undo else view)
        body.effect(counts.count_squash, body.lengths, body.sites, *how, value)
    body.replace(step.target, fresh)


def pull(body: "Pull", step: Apply) -> None:
    """Undo a bijection; the cotangent is multiplied by its derivative."""
    view, cot = body.raw(step.target)[0], body.cotangent(step.target)
    old = _applied(body, step, view, not step.undo)
    source = view if step.undo else old
    if exchanges(step, body.types):
        value = body.floats(step.target.name, source)
        how = (body.lengths, body.sites, body.site(step), sign(step.undo))
        d_value = body.tape.call(counts.squash_vjp, cot, *how, value)
    else:
        d_value = body.tape.call(floats.apply_vjp, cot, source, step.bijection, step.undo)
    body.replace(step.target, old)
    body.replace_cotangent(step.target, d_value)


def record(body: "Record", step: Apply) -> "Pulling | None":
    """Apply a bijection of float state; the cotangent is multiplied by its derivative."""
    view = body.raw(step.target)[0]
    fresh = _applied(body, step, view, step.undo)
    source = body.now(fresh if step.undo else view)
    body.replace(step.target, fresh)
    if step.target.name not in body.active:
        return None

    def back() -> None:
        cot = body.cotangent(step.target)
        d_value = body.tape.call(floats.apply_vjp, cot, source, step.bijection, step.undo)
        body.replace_cotangent(step.target, d_value)

    return back


def _applied(body: "Body", step: Apply, view: Node, undo: bool) -> Node:
    if not exchanges(step, body.types):
        return body.tape.call(floats.apply, view, step.bijection, undo)
    return body.effect(ops.squash, body.bits, view, body.site(step), undo)
