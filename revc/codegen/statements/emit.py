"""``emit``: a value for the caller; its cotangent enters where it stands."""

from typing import TYPE_CHECKING

import torch

from revc.codegen.reuse import base_of, is_fresh
from revc.ir.instructions import Emit

if TYPE_CHECKING:
    from torch.fx import Node

    from revc.codegen.forward import Forward
    from revc.codegen.pull import Pull
    from revc.codegen.record import Pulling, Record

aten = torch.ops.aten


def lower(body: "Forward", step: Emit) -> None:
    """Hand a value out."""
    _hand_out(body, step, body.value(step.value))


def record(body: "Record", step: Emit) -> "Pulling | None":
    """Hand a value out, and pull the caller's cotangent through it."""
    found = body.evaluate(step.value)
    _hand_out(body, step, found.node)
    if not found.active:
        return None
    return lambda: body.gather(found.pull(body.emit_cots[step.name]))


def _hand_out(body: "Forward", step: Emit, node: "Node") -> None:
    """Hand a value out; a copy, if it shares memory with a register that may change."""
    shared = base_of(node) in {base_of(held) for held in body.state.values()}
    fresh = (is_fresh(node) and not shared) or node.op == "call_module"
    body.emitted[step.name] = node if fresh else body.tape.call(aten.clone.default, node)
    body.target.note_emit(body, body.emitted[step.name])


def pull(body: "Pull", step: Emit) -> None:
    """Pull the caller's cotangent through the value."""
    found = body.evaluate(step.value)
    body.target.note_emit(body, found.node)
    body.gather(found.pull(body.emit_cots[step.name]))
