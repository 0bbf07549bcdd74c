"""``negate y``: the same forwards and backwards, for the state and for its cotangent."""

from typing import TYPE_CHECKING

from revc.ir.instructions import Negate

if TYPE_CHECKING:
    from revc.codegen.body import Body
    from revc.codegen.pull import Pull


def lower(body: "Body", step: Negate) -> None:
    """Negate."""
    body.target.negate(body, body.state, step.target)


def pull(body: "Pull", step: Negate) -> None:
    """Negate the state and its cotangent."""
    body.target.negate(body, body.state, step.target)
    body.target.negate(body, body.cots, step.target)
