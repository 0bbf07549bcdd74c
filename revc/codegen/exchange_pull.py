"""Emission of the statements that exchange bits, in VJP graphs: undone, and cotangents passed."""

from typing import TYPE_CHECKING

import torch
from torch.fx import Node

from revc.codegen import exchange
from revc.codegen.metering import coding_of, exchanges
from revc.ir.instructions import Apply, Scale, Valve
from revc.ir.instructions.metered import Coded, Distribution
from revc.runtime import cotangents
from revc.runtime.metered import counts, floats

if TYPE_CHECKING:
    from revc.codegen.pull import Pull, Puller

aten = torch.ops.aten


def pull_exchange(body: "Pull", step: Coded) -> None:
    """Pop what was pushed, or push what was popped."""
    coding = coding_of(step.type.numerics, step.by).text()
    params, puller = _parameters(body, step.by)
    if not step.takes:
        raw = exchange.popped(body, step, params, coding)
        body.state[step.target] = raw
        d_value, d_params = _counted(body, step, raw, params, coding)
        body.cots[step.target] = d_value
        _pull(body, puller, d_params)
        return
    raw, cot = body.state.pop(step.target), body.cots.pop(step.target)
    d_value, d_params = _counted(body, step, raw, params, coding)
    cot = body.tape.call(cotangents.add, d_value, cot)
    drawn = _drawn(body, step, cot, raw, params, coding)
    _pull(body, puller, body.tape.call(counts.total, d_params, drawn))
    exchange.pushed(body, step, raw, params, coding)


def _parameters(body: "Pull", by: Distribution) -> "tuple[Node | None, Puller | None]":
    if not by.params:
        return None, None
    return body.evaluation(by.params[0])


def _pull(body: "Pull", puller: "Puller | None", cot: Node) -> None:
    if puller is not None:
        puller(cot)


def _counted(
    body: "Pull", step: Coded | Valve, raw: Node, params: Node | None, coding: str
) -> tuple[Node, Node]:
    """Emit the cotangents that a value's length gives it and its parameters."""
    sign = -1 if step.undo else 1
    both = body.tape.call(
        counts.count_vjp, body.lengths, exchange.row(body, step), sign, raw, params, coding
    )
    return body.tape.item(both, 0), body.tape.item(both, 1)


def _drawn(
    body: "Pull", step: Coded | Valve, cot: Node, raw: Node, params: Node | None, coding: str
) -> Node:
    """Emit the cotangent that a fresh value gives the parameters that it was drawn by."""
    return body.tape.call(counts.drawn_vjp, body.bits, cot, raw, params, step.account, coding)


def pull_valve(body: "Pull", step: Valve) -> None:
    """Undo a valve: the fresh value passes its cotangent to the distribution, then goes back."""
    coding = coding_of(body.types[step.target.name].numerics, step.by).text()
    params, puller = _parameters(body, step.by)
    view, cot = body.raw(step.target)[0], body.cotangent(step.target)
    if step.undo:
        d_value, by_length = _counted(body, step, view, params, coding)
        cot = body.tape.call(cotangents.add, d_value, cot)
        d_value = body.tape.call(aten.zeros_like.default, cot)
    drawn = _drawn(body, step, cot, view, params, coding)
    old = exchange.valved(body, step, view, params, coding, not step.undo)
    if not step.undo:
        d_value, by_length = _counted(body, step, old, params, coding)
    body.replace(step.target, old)
    body.replace_cotangent(step.target, d_value)
    _pull(body, puller, body.tape.call(counts.total, by_length, drawn))


def pull_scale(body: "Pull", step: Scale) -> None:
    """Undo a scaling; factor and place get their cotangents from what was multiplied."""
    factor, puller = body.evaluation(step.factor)
    view, cot = body.raw(step.target)[0], body.cotangent(step.target)
    old = exchange.scaled(body, step, view, factor, not step.undo)
    value = exchange.value_of(body, step.target.name, old)
    sign = -1 if step.undo else 1
    metered = exchanges(step, body.types)
    lengths = body.lengths if metered else None
    at = exchange.row(body, step) if metered else 0
    both = body.tape.call(
        counts.scale_vjp, cot, lengths, at, sign, value, factor, step.lo, step.hi, metered
    )
    body.replace(step.target, old)
    body.replace_cotangent(step.target, body.tape.item(both, 0))
    puller(body.tape.item(both, 1))


def pull_apply(body: "Pull", step: Apply) -> None:
    """Undo a bijection; the cotangent is multiplied by its derivative."""
    view, cot = body.raw(step.target)[0], body.cotangent(step.target)
    old = exchange.applied(body, step, view, not step.undo)
    source = view if step.undo else old
    if exchanges(step, body.types):
        value = exchange.value_of(body, step.target.name, source)
        sign = -1 if step.undo else 1
        at = exchange.row(body, step)
        d_value = body.tape.call(counts.squash_vjp, cot, body.lengths, at, sign, value)
    else:
        d_value = body.tape.call(floats.apply_vjp, cot, source, step.bijection, step.undo)
    body.replace(step.target, old)
    body.replace_cotangent(step.target, d_value)
