"""Moves: what they do to registers, the inverse does to registers and cotangents alike."""

from typing import TYPE_CHECKING

from revc.codegen.registers import Registers
from revc.ir.instructions import Join, Permute, Reshape, Split, Squeeze, Swap
from revc.ir.instructions.base import Instruction
from revc.ir.instructions.moves import Move

if TYPE_CHECKING:
    from revc.codegen.body import Body
    from revc.codegen.pull import Pull
    from revc.codegen.record import Pulling, Record


def lower(body: "Body", step: Move) -> None:
    """Move registers."""
    _move(body.state, step)


def pull(body: "Pull", step: Move) -> None:
    """Move state and cotangents back."""
    inverse = step.inverse()
    _move(body.state, inverse)
    _move(body.cots, inverse)


def record(body: "Record", step: Move) -> "Pulling | None":
    """Move registers; cotangents move back. Those that meet want theirs if one of them does."""
    _move(body.state, step)
    before, after = _names(step), _names(step.inverse())
    wanted = body.active.intersection(before)
    body.active.difference_update(before)
    if not wanted:
        return None
    body.activate(*after)
    return lambda: _move(body.cots, step.inverse())


def _names(step: Instruction) -> tuple[str, ...]:
    """Return the registers that a move takes."""
    match step:
        case Swap():
            return step.left, step.right
        case Split():
            return (step.source,)
        case Join():
            return step.parts
    return tuple(place.name for place in step.targets())


def _move(registers: Registers, step: Instruction) -> None:
    match step:
        case Swap():
            registers.swap(step.left, step.right)
        case Split():
            registers.split(step.source, step.parts, step.axis)
        case Join():
            registers.join(step.parts, step.target, step.axis)
        case Permute():
            registers.permute(step.target, step.order)
        case Reshape():
            registers.reshape(step.target, step.after)
        case Squeeze():
            registers.squeeze(step.target, step.factor, step.undo)
