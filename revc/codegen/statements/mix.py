"""``mix``: the last axis times a matrix whose parameter a net slot holds."""

from typing import TYPE_CHECKING

from torch.fx import Node

from revc.codegen.expressions import Cotangents
from revc.codegen.metering import exchanges
from revc.codegen.statements.coded import sign
from revc.ir.instructions import Mix
from revc.runtime.metered import mixes

if TYPE_CHECKING:
    from revc.codegen.body import Body
    from revc.codegen.pull import Pull
    from revc.codegen.record import Pulling, Record


def lower(body: "Body", step: Mix) -> None:
    """Multiply a place by a matrix, or by its inverse."""
    view, params = body.raw(step.target)[0], _params(body, step)
    if exchanges(step, body.types) and body.options.measured:
        how = (body.site(step), sign(step.undo))
        body.effect(mixes.count_mix, body.lengths, body.sites, *how, view, params[0])
    body.replace(step.target, _mixed(body, step, view, params, step.undo))


def pull(body: "Pull", step: Mix) -> None:
    """Multiply by the inverse, and the cotangent by the transpose."""
    view, cot, params = body.raw(step.target)[0], body.cotangent(step.target), _params(body, step)
    old = _mixed(body, step, view, params, not step.undo)
    value = body.floats(step.target.name, view if step.undo else old)
    if exchanges(step, body.types):
        lengths = (body.lengths, body.sites, body.site(step))
        both = body.tape.call(mixes.mix_lu_vjp, cot, *lengths, value, params[0], step.undo)
    else:
        how = (step.family, _seed(step), step.undo)
        both = body.tape.call(mixes.mix_vjp, cot, value, params, *how)
    body.replace(step.target, old)
    body.replace_cotangent(step.target, body.tape.item(both, 0))
    if step.slot is not None and body.wanted(step.slot):
        body.gather(Cotangents([], {step.slot: [body.tape.item(both, 1)]}, {}))


def record(body: "Record", step: Mix) -> "Pulling | None":
    """Multiply; the cotangent is multiplied by the transpose."""
    view, params = body.raw(step.target)[0], _params(body, step)
    fresh = _mixed(body, step, view, params, step.undo)
    value = body.floats(step.target.name, fresh if step.undo else view)
    body.replace(step.target, fresh)
    learns = step.slot is not None and body.wanted(step.slot)
    if not learns and step.target.name not in body.active:
        return None
    body.activate(step.target.name)

    def back() -> None:
        cot, how = body.cotangent(step.target), (step.family, _seed(step), step.undo)
        both = body.tape.call(mixes.mix_vjp, cot, value, params, *how)
        body.replace_cotangent(step.target, body.tape.item(both, 0))
        if step.slot is not None and learns:
            body.gather(Cotangents([], {step.slot: [body.tape.item(both, 1)]}, {}))

    return back


def _params(body: "Body", step: Mix) -> list[Node]:
    return [] if step.slot is None else [body.tape.item(body.nets[step.slot], 0)]


def _seed(step: Mix) -> int:
    return int(step.settings.get("seed") or 0)


def _mixed(body: "Body", step: Mix, view: Node, params: list[Node], undo: bool) -> Node:
    if exchanges(step, body.types):
        return body.effect(mixes.mix_lu, body.bits, view, params[0], body.site(step), undo)
    return body.tape.call(mixes.mix, view, params, step.family, _seed(step), undo)
