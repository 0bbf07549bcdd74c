"""Emission of the statements that exchange bits, in forward graphs."""

from typing import TYPE_CHECKING, Any

from torch.fx import Node

from revc.codegen.expressions import decoded, int_value
from revc.codegen.metering import account, coding_of, exchanges
from revc.ir.expr import Place
from revc.ir.instructions import Apply, Scale, Valve
from revc.ir.instructions.metered import Coded, Distribution, Metered
from revc.runtime.metered import counts, floats, ops

if TYPE_CHECKING:
    from revc.codegen.body import Body as Forward


def exchange(body: "Forward", step: Coded) -> None:
    """Push a register, or pop one; note its length."""
    coding = coding_of(step.type.numerics, step.by).text()
    params = parameters(body, step.by)
    if step.takes:
        body.state[step.target] = popped(body, step, params, coding)
        note(body, step, body.state[step.target], params, coding)
        return
    raw = body.state.pop(step.target)
    note(body, step, raw, params, coding)
    pushed(body, step, raw, params, coding)


def parameters(body: "Forward", by: Distribution) -> Node | None:
    """Evaluate the parameters of a distribution."""
    return body.value(by.params[0]) if by.params else None


def pushed(body: "Forward", step: Coded, raw: Node, params: Node | None, coding: str) -> None:
    """Emit the push of a register."""
    meter, _ = account(step)
    body.effect(ops.give, body.bits, raw, params, meter, stack_of(step), coding)


def popped(body: "Forward", step: Coded, params: Node | None, coding: str) -> Node:
    """Emit the pop of a register."""
    meter, _ = account(step)
    shape = [int_value(body.tape, dim, body.size) for dim in step.type.shape]
    return body.effect(
        ops.take, body.bits, shape, params, body.device, meter, stack_of(step), coding
    )


def stack_of(step: Any) -> str:
    """Return which stack a statement means, as the runtime takes it."""
    _, side = account(step)
    return f"{getattr(step, 'stack', None) or ''}:{side}"


def note(body: "Forward", step: Metered, raw: Node, params: Node | None, coding: str) -> None:
    """Add a value's length to the row of its meter."""
    if body.options.measured:
        sign = -1 if step.undo else 1
        body.effect(counts.count, body.lengths, row(body, step), sign, raw, params, coding)


def row(body: "Forward", step: Any) -> int:
    """Return the row of a statement's meter."""
    return body.library.rows.index(account(step))


def valve(body: "Forward", step: Valve) -> None:
    """Reset a slot, or undo that."""
    coding = coding_of(body.types[step.target.name].numerics, step.by).text()
    params, view = parameters(body, step.by), body.raw(step.target)[0]
    if not step.undo:
        note(body, step, view, params, coding)
    fresh = valved(body, step, view, params, coding, step.undo)
    if step.undo:
        note(body, step, fresh, params, coding)
    replace(body, step.target, fresh)


def valved(
    body: "Forward", step: Valve, view: Node, params: Node | None, coding: str, undo: bool
) -> Node:
    """Emit a valve, or its inverse."""
    meter, _ = account(step)
    stack = stack_of(step)
    return body.effect(ops.valve, body.bits, view, params, meter, stack, coding, undo)


def scale(body: "Forward", step: Scale) -> None:
    """Multiply or divide a place."""
    view, factor = body.raw(step.target)[0], body.value(step.factor)
    if exchanges(step, body.types) and body.options.measured:
        sign = -1 if step.undo else 1
        body.effect(
            counts.count_scale, body.lengths, row(body, step), sign, view, factor, step.lo, step.hi
        )
    replace(body, step.target, scaled(body, step, view, factor, step.undo))


def scaled(body: "Forward", step: Scale, view: Node, factor: Node, undo: bool) -> Node:
    """Emit an exact scaling, or that of a float register."""
    if not exchanges(step, body.types):
        return body.tape.call(floats.scale, view, factor, step.lo, step.hi, undo)
    meter, _ = account(step)
    stack = stack_of(step)
    return body.effect(ops.scale, body.bits, view, factor, step.lo, step.hi, meter, stack, undo)


def apply(body: "Forward", step: Apply) -> None:
    """Apply a named bijection, or undo it."""
    view = body.raw(step.target)[0]
    fresh = applied(body, step, view, step.undo)
    if exchanges(step, body.types) and body.options.measured:
        sign = -1 if step.undo else 1
        value = value_of(body, step.target.name, fresh if step.undo else view)
        body.effect(counts.count_squash, body.lengths, row(body, step), sign, value)
    replace(body, step.target, fresh)


def applied(body: "Forward", step: Apply, view: Node, undo: bool) -> Node:
    """Emit a bijection of a view, or its inverse."""
    if not exchanges(step, body.types):
        return body.tape.call(floats.apply, view, step.bijection, undo)
    coding = coding_of(body.types[step.target.name].numerics).text()
    meter, _ = account(step)
    return body.effect(ops.squash, body.bits, view, meter, stack_of(step), coding, undo)


def value_of(body: "Forward", name: str, raw: Node) -> Node:
    """Return the floats that raw values of a register stand for."""
    return decoded(body.tape, raw, body.types[name].numerics)


def replace(body: "Forward", target: Place, fresh: Node) -> None:
    """Put new values into a place, which eager graphs own and write in place."""
    body.replace(target, fresh)
