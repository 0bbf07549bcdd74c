"""Emission of `mix`: the last axis times a matrix whose parameter a net slot holds."""

from typing import TYPE_CHECKING

from torch.fx import Node

from revc.codegen import exchange
from revc.codegen.expressions import Cotangents
from revc.codegen.metering import account, exchanges
from revc.ir.instructions import Mix
from revc.runtime.metered import mixes

if TYPE_CHECKING:
    from revc.codegen.body import Body as Forward
    from revc.codegen.pull import Pull


def mix(body: "Forward", step: Mix) -> None:
    """Multiply a place by a matrix, or by its inverse."""
    view, params = body.raw(step.target)[0], _params(body, step)
    if exchanges(step, body.types) and body.options.measured:
        sign = -1 if step.undo else 1
        at = exchange.row(body, step)
        body.effect(mixes.count_mix, body.lengths, at, sign, view, params[0])
    body.replace(step.target, _mixed(body, step, view, params, step.undo))


def pull_mix(body: "Pull", step: Mix) -> None:
    """Multiply by the inverse, and the cotangent by the transpose."""
    view, cot, params = body.raw(step.target)[0], body.cotangent(step.target), _params(body, step)
    old = _mixed(body, step, view, params, not step.undo)
    metered = exchanges(step, body.types)
    value = exchange.value_of(body, step.target.name, view if step.undo else old)
    lengths, at = (body.lengths, exchange.row(body, step)) if metered else (None, 0)
    both = body.tape.call(
        mixes.mix_vjp, cot, lengths, at, value, params, step.family, _seed(step), step.undo
    )
    body.replace(step.target, old)
    body.replace_cotangent(step.target, body.tape.item(both, 0))
    if step.slot is not None and body.wanted(step.slot):
        body.gather(Cotangents([], {step.slot: [body.tape.item(both, 1)]}, {}))


def _params(body: "Forward", step: Mix) -> list[Node]:
    return [] if step.slot is None else [body.tape.item(body.nets[step.slot], 0)]


def _seed(step: Mix) -> int:
    return int(step.settings.get("seed") or 0)


def _mixed(body: "Forward", step: Mix, view: Node, params: list[Node], undo: bool) -> Node:
    if exchanges(step, body.types):
        meter, _ = account(step)
        stack = exchange.stack_of(step)
        return body.effect(mixes.mix_lu, body.bits, view, params[0], meter, stack, undo)
    return body.tape.call(mixes.mix, view, params, step.family, _seed(step), undo)
