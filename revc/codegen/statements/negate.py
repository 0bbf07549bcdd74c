"""``negate y``: the same forwards and backwards, for the state and for its cotangent.

Labels are negated modulo their number, and have no cotangent.
"""

from typing import TYPE_CHECKING

from revc.codegen.expressions import int_value
from revc.ir.instructions import Negate
from revc.ir.types import Label
from revc.runtime.state import lattice

if TYPE_CHECKING:
    from revc.codegen.body import Body
    from revc.codegen.pull import Pull
    from revc.codegen.record import Pulling, Record


def lower(body: "Body", step: Negate) -> None:
    """Negate."""
    kind = body.types[step.target.name].numerics
    if not isinstance(kind, Label):
        body.target.negate(body, body.state, step.target)
        return
    size = int_value(body.tape, kind.size, body.size)
    fresh = body.tape.call(lattice.negate_label, body.state.view(step.target), size)
    body.target.replace(body, body.state, step.target, fresh)


def record(body: "Record", step: Negate) -> "Pulling | None":
    """Negate; and the cotangent."""
    lower(body, step)
    is_label = isinstance(body.types[step.target.name].numerics, Label)
    if is_label or step.target.name not in body.active:
        return None
    return lambda: body.target.negate(body, body.cots, step.target)


def pull(body: "Pull", step: Negate) -> None:
    """Negate the state and its cotangent."""
    lower(body, step)
    if not isinstance(body.types[step.target.name].numerics, Label):
        body.target.negate(body, body.cots, step.target)
