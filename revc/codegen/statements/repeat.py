"""``repeat``: a loop over the graph of its body, or over that of its VJP."""

from typing import TYPE_CHECKING, Any

from torch.fx import Node

from revc.codegen.expressions import int_value
from revc.codegen.interface import emits_of
from revc.codegen.options import Needs
from revc.codegen.statements import call
from revc.ir.instructions import Repeat

if TYPE_CHECKING:
    from revc.codegen.forward import Forward
    from revc.codegen.pull import Pull


def lower(body: "Forward", step: Repeat) -> None:
    """Call a loop over the body's graph."""
    loop(body, step, checked=False)


def loop(body: "Forward", step: Repeat, checked: bool) -> tuple[Node, int]:
    """Call a loop; return its result's node and how many of its items are taken."""
    asked = call.asked(body, step.passed())
    module = body.library.forward_loop(step, body.options, asked, checked)
    name = body.module(step.label, module)
    args: list[Any] = [int_value(body.tape, step.count, body.size)]
    args += [body.state[register] for register in step.registers]
    args += call.read(body, step.passed())
    args += [body.nets[slot] for slot in used_slots(step)]
    args += [*body.sizes_for(step.body, step.index), *body.tail(step.body)]
    out, *items = call.taken(body, name, args, step.registers, emits_of(step.body))
    return out, len(items)


def pull(body: "Pull", step: Repeat) -> None:
    """Call a loop over the body's VJP graph."""
    pull_loop(body, step, None)


def pull_loop(body: "Pull", step: Repeat, checks: Node | None) -> tuple[Node, int]:
    """Call a VJP loop, one that compares with `checks` if there are any.

    Returns its result's node and how many of its items are taken.
    """
    used, givens = used_slots(step), step.passed()
    needs, asked = _needs(body, step), call.asked(body, givens)
    module = body.library.vjp_loop(step, needs, body.options, asked, checked=checks is not None)
    name = body.module(f"{step.label}_vjp", module)
    args: list[Any] = [int_value(body.tape, step.count, body.size)]
    args += [*call.handed(body, step.registers), *call.given(body, givens)]
    args += [body.emit_cots[emit] for emit in emits_of(step.body)]
    args += [body.nets[slot] for slot in used]
    args += [*body.sizes_for(step.body, step.index), *body.tail(step.body)]
    args += [] if checks is None else [checks]
    return call.pulled(body, name, args, step.registers, givens, used)


def _needs(body: "Pull", step: Repeat) -> Needs:
    nets = tuple(
        any(body.needs.nets[row[i]] for row in step.nets) for i in range(len(step.body.nets))
    )
    return Needs(tuple(body.has_cotangent(name) for name in step.givens), nets)


def used_slots(step: Repeat) -> tuple[int, ...]:
    """Return the caller's slots that any turn uses, in order, each once."""
    return tuple(sorted({slot for row in step.nets for slot in row}))
