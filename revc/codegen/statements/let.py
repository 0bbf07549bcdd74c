"""``let``: evaluated where it stands; in a pull, where its last use asks for it first."""

from typing import TYPE_CHECKING

from revc.codegen.call_places import Places
from revc.ir.expr import Expr
from revc.ir.instructions import Let
from revc.ir.types import FLOAT, RegType
from revc.runtime import cotangents

if TYPE_CHECKING:
    from revc.codegen.body import Body
    from revc.codegen.pull import Pull
    from revc.codegen.record import Pulling, Record


def lower(body: "Body", step: Let) -> None:
    """Keep the value under its name."""
    body.givens[step.name] = body.value(step.value)
    body.given_types[step.name] = _type(step.value)


def record(body: "Record", step: Let) -> "Pulling | None":
    """Keep the value under its name; its gathered cotangent is pulled through it."""
    found = body.evaluate(step.value)
    body.givens[step.name] = found.node
    body.given_types[step.name] = _type(step.value)
    body.fixed.add(step.name)
    if not found.active:
        return None
    body.activate(step.name)
    body.lets[step.name] = found.node

    def back() -> None:
        del body.lets[step.name]
        if step.name in body.given_cots:
            body.gather(found.pull(body.given_cots.pop(step.name)))

    return back


def evaluated(body: "Pull", name: str) -> None:
    """Evaluate the let called `name`, if there is one and nothing has asked for it yet."""
    if name not in body.pending or name in body.givens:
        return
    value, around = body.pending[name].value, body.places
    body.places = Places(body.pending[name])
    with body.holds.of(body.pending[name]):
        found = body.evaluate(value)
    body.places = around
    body.givens[name] = found.node
    body.given_types[name] = _type(value)
    body.let_values[name] = found
    body.given_cots[name] = body.tape.call(cotangents.zeros_for, found.node)


def pull(body: "Pull", step: Let) -> None:
    """Pull the let's gathered cotangent through its value."""
    if step.name in body.let_values:
        found = body.let_values.pop(step.name)
        body.gather(found.pull(body.given_cots.pop(step.name)))


def _type(value: Expr) -> RegType:
    return RegType(numerics=FLOAT, shape=value.shape)
