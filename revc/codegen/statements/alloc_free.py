"""``alloc`` and ``free``: registers that begin and end with a known value."""

from typing import TYPE_CHECKING, Any

import torch
from torch.fx import Node

from revc.codegen.expressions import dim_value, int_value
from revc.ir.dims import Dim
from revc.ir.expr import Expr, Number, reads, slots
from revc.ir.instructions import Alloc, Forget, Free, Recall
from revc.ir.types import Label, Lattice, RegType
from revc.runtime import cotangents, forgetting
from revc.runtime.state import alloc_health, lattice

if TYPE_CHECKING:
    from revc.codegen.body import Body
    from revc.codegen.pull import Pull
    from revc.codegen.record import Pulling, Record

aten = torch.ops.aten


def lower_alloc(body: "Body", step: Alloc) -> None:
    """Make the register."""
    body.state[step.name] = _filled(body, step.type, step.value)


def pull_alloc(body: "Pull", step: Alloc) -> None:
    """Check the rebuilt value; its cotangent goes to what the value read."""
    _check(body, body.state.pop(step.name), step.type, step.value)
    cot = body.cots.pop(step.name)
    if slots(step.value) or reads(step.value):
        found = body.evaluate(step.value)
        body.gather(found.pull(body.tape.call(cotangents.reduce_like, cot, found.node)))


def record_alloc(body: "Record", step: Alloc) -> "Pulling | None":
    """Make the register; its cotangent goes to what the value read."""
    if not (slots(step.value) or reads(step.value)):
        lower_alloc(body, step)
        return None
    found = body.evaluate(step.value)
    body.state[step.name] = _held(body, step.type, _shape(body, step.type), found.node)
    if not found.active:
        return None
    body.activate(step.name)

    def back() -> None:
        cot = body.cots.pop(step.name)
        body.gather(found.pull(body.tape.call(cotangents.reduce_like, cot, found.node)))

    return back


def lower_free(body: "Body", step: Free) -> None:
    """Check and drop the register."""
    _check(body, body.state.pop(step.name), step.type, step.value)


def pull_free(body: "Pull", step: Free) -> None:
    """Make the register again, with a cotangent of zero."""
    body.state[step.name] = _filled(body, step.type, step.value)
    body.cots[step.name] = body.tape.call(cotangents.zeros_for, body.state[step.name])


def record_free(body: "Record", step: Free) -> "Pulling | None":
    """Check and drop the register, which gets a cotangent of zero."""
    node = body.state[step.name]
    lower_free(body, step)
    if step.name not in body.active:
        return None
    body.active.discard(step.name)

    def back() -> None:
        body.cots[step.name] = body.tape.call(cotangents.zeros_for, node)

    return back


def lower_forget(body: "Body", step: Forget) -> None:
    """Hand the register to what the run keeps."""
    body.effect(forgetting.put, body.forgotten, body.state.pop(step.name))


def pull_forget(body: "Pull", step: Forget) -> None:
    """Take the register from there, with a cotangent of zero."""
    lower_recall(body, step)
    _zero(body, step)


def record_forget(body: "Record", step: Forget) -> "Pulling | None":
    """Keep the register too: where an increment was clamped, what is saved is rebuilt."""
    lower_forget(body, step)
    if step.name not in body.active:
        return None
    body.active.discard(step.name)
    return lambda: _zero(body, step)


def _zero(body: "Pull | Record", step: Forget) -> None:
    """Begin a cotangent with zero."""
    how = (_shape(body, step.type), body.dtype, body.device)
    body.cots[step.name] = body.tape.call(cotangents.zeros, *how)


def lower_recall(body: "Body", step: Forget | Recall) -> None:
    """Take the register from what the run kept."""
    body.state[step.name] = body.effect(forgetting.take, body.forgotten)


def _check(body: "Body", node: Node, kind: RegType, value: Expr) -> None:
    """Count in the health where a register is not `value`; float state only comes near it."""
    if kind.numerics.kind != "float32":
        expected = _filled(body, kind, value)
        body.health = body.tape.call(alloc_health.check, node, expected, body.health)


def _filled(body: "Body", kind: RegType, value: Expr) -> Node:
    """Return a new register of a type that holds `value`."""
    shape = _shape(body, kind)
    if isinstance(value, Number):
        number = value.value
        if isinstance(number, Dim):
            number = dim_value(body.tape, number, body.size)
        return _constant(body, kind, shape, number)
    return _held(body, kind, shape, body.value(value))


def _shape(body: "Body", kind: RegType) -> list[Any]:
    return [int_value(body.tape, dim, body.size) for dim in kind.shape]


def _held(body: "Body", kind: RegType, shape: list[Any], value: Node) -> Node:
    """Return a new register that holds a value that was computed."""
    held = body.tape.call(aten.expand.default, value, shape)
    if isinstance(kind.numerics, Lattice):
        bits, width = kind.numerics.fraction_bits, kind.numerics.width
        return body.tape.call(lattice.encode, held, bits, width)
    return body.tape.call(aten.clone.default, held)


def _constant(body: "Body", kind: RegType, shape: list[Any], number: Any) -> Node:
    if isinstance(kind.numerics, Lattice):
        bits, width = kind.numerics.fraction_bits, kind.numerics.width
        return body.tape.call(alloc_health.fill, shape, number, bits, width, body.device)
    dtype = torch.int64 if isinstance(kind.numerics, Label) else torch.float32
    return body.tape.call(alloc_health.fill_plain, shape, number, dtype, body.device)
