"""What statements that code values by a distribution share: parameters, lengths, cotangents."""

from typing import TYPE_CHECKING

from torch.fx import Node

from revc.errors import InternalError
from revc.ir.instructions import Valve
from revc.ir.instructions.metered import Coded, Distribution
from revc.runtime.metered import counts

if TYPE_CHECKING:
    from revc.codegen.body import Body
    from revc.codegen.pull import Pull
    from revc.codegen.record import Pulling, Record
    from revc.codegen.targets.base import Evaluation

Step = Coded | Valve


def sign(undo: bool) -> int:
    """Return how what a statement writes counts: undone, it is taken off."""
    return -1 if undo else 1


def record(body: "Record", step: Step) -> "Pulling | None":
    """Refuse: a run can undo an exchange of bits, and not keep it.

    Raises:
        InternalError: always; schedules are checked as they are set.
    """
    raise InternalError(f"{body.block.name}: a segment that exchanges bits cannot be saved")


def parameters(body: "Body", by: Distribution) -> Node | None:
    """Evaluate the parameters of a distribution."""
    return body.value(by.params[0]) if by.params else None


def note(body: "Body", step: Step, raw: Node, params: Node | None) -> None:
    """Add a value's length to the row of its meter."""
    if body.options.measured:
        how = (body.site(step), sign(step.undo))
        body.effect(counts.count, body.lengths, body.sites, *how, raw, params)


def evaluated(body: "Pull", by: Distribution) -> "tuple[Node | None, Evaluation | None]":
    """Evaluate the parameters, if there are any; return them and what pulls them back."""
    if not by.params:
        return None, None
    found = body.evaluate(by.params[0])
    return found.node, found


def counted(body: "Pull", step: Step, raw: Node, params: Node | None) -> tuple[Node, Node]:
    """Emit the cotangents that a value's length gives it and its parameters."""
    how = (body.site(step), sign(step.undo))
    both = body.tape.call(counts.count_vjp, body.lengths, body.sites, *how, raw, params)
    return body.tape.item(both, 0), body.tape.item(both, 1)


def drawn(body: "Pull", step: Step, cot: Node, raw: Node, params: Node | None) -> Node:
    """Emit the cotangent that a fresh value gives the parameters that it was drawn by."""
    at = body.site(step)
    return body.tape.call(counts.drawn_vjp, body.bits, body.sites, at, cot, raw, params)


def pull_parameters(body: "Pull", found: "Evaluation | None", cot: Node) -> None:
    """Pull a cotangent of the parameters back, if there are any."""
    if found is not None:
        body.gather(found.pull(cot))
