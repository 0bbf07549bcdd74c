"""``repeat``: a loop over the graph of its body, or over that of its VJP."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from torch.fx import Node

from revc.codegen.expressions import int_value
from revc.codegen.interface import emits_of
from revc.codegen.options import Needs, Options, Wants
from revc.codegen.statements import call
from revc.ir.instructions import Repeat

if TYPE_CHECKING:
    from revc.codegen.forward import Forward
    from revc.codegen.pull import Pull
    from revc.codegen.record import Pulling, Record


def lower(body: "Forward", step: Repeat) -> None:
    """Call a loop over the body's graph."""
    loop(body, step, (body.options.below(step.rows()),), checked=False)


def loop(
    body: "Forward", step: Repeat, turns: Sequence[Options], checked: bool
) -> tuple[Node, int]:
    """Call a loop; return its result's node and how many of its items are taken.

    `turns` are the options of each turn as it runs, or one for all.
    """
    asked, options = call.asked(body, step.passed()), _keeping(turns)
    module = body.library.forward_loop(step, turns, asked, checked)
    name = body.module(step.label, module)
    args: list[Any] = [int_value(body.tape, step.count, body.size)]
    args += [body.state[register] for register in step.registers]
    args += call.read(body, step.passed())
    args += [body.nets[slot] for slot in used_slots(step)]
    args += [*body.sizes_for(step.body, step.index), *body.tail(step.body, options)]
    out, *items = call.taken(body, name, args, step.registers, emits_of(step.body))
    return out, len(items)


def pull(body: "Pull", step: Repeat) -> None:
    """Call a loop over the body's VJP graph."""
    pull_loop(body, step, (body.options.below(step.rows()),), None)


def pull_loop(
    body: "Pull", step: Repeat, turns: Sequence[Options], checks: Node | None
) -> tuple[Node, int]:
    """Call a VJP loop, one that compares with `checks` if there are any; `turns` as of `loop`.

    Returns its result's node and how many of its items are taken.
    """
    used, givens = used_slots(step), step.passed()
    needs, asked, options = _needs(body, step), call.asked(body, givens), _keeping(turns)
    module = body.library.vjp_loop(step, needs, turns, asked, checked=checks is not None)
    name = body.module(f"{step.label}_vjp", module)
    args: list[Any] = [int_value(body.tape, step.count, body.size)]
    args += [*call.handed(body, step.registers), *call.given(body, givens)]
    args += [body.emit_cots[emit] for emit in emits_of(step.body)]
    args += [body.lent_net(slot, step.nets, step.share) for slot in used]
    args += [*body.sizes_for(step.body, step.index), *body.tail(step.body, options)]
    args += [] if checks is None else [checks]
    return call.pulled(body, name, args, step.registers, givens, used)


def _keeping(turns: Sequence[Options]) -> Options:
    """Return options of some turn that keeps values, if one does: what the loop takes."""
    return next((options for options in turns if options.keep), turns[0])


def record(body: "Record", step: Repeat) -> "Pulling | None":
    """Call a loop over the body's graph that keeps, turn by turn."""
    wants, used = _wants(body, step), used_slots(step)
    if not wants.some:
        lower(body, step)
        return None
    saved = body.library.saved_loop(step, wants, body.options, call.asked(body, step.passed()))
    name, count = body.module(step.label, saved.keep), int_value(body.tape, step.count, body.size)
    state = [body.state[register] for register in step.registers]
    tail = [*(body.nets[slot] for slot in used), *body.sizes_for(step.body, step.index)]
    args = [count, *state, *call.read(body, step.passed())]
    args += [*tail, *body.tail(step.body, body.options)]
    emits = emits_of(step.body)
    how = (step.registers, step.registers, emits)
    kept = call.keeping(body, name, args, state, *how, saved)

    def back() -> None:
        name = body.module(f"{step.label}_pull", saved.pull)
        cots = call.coming_in(body, step.registers, step.passed(), emits, wants, saved)
        args = [count, kept, *cots, *tail]
        call.pulled_back(body, name, args, step.registers, step.passed(), used, wants)

    return back


def _wants(body: "Record", step: Repeat) -> Wants:
    """Return what wants cotangents in each turn: also what does so behind the first."""
    places = step.passed()
    takes = tuple(name in body.active for name in step.registers)
    nets = tuple(
        any(body.wants.nets[row[i]] for row in step.nets) for i in range(len(step.body.nets))
    )
    givens = tuple(place.name in body.active for place in places)
    fixed = tuple(place.name in body.fixed for place in places)
    asked = call.asked(body, places)
    while True:
        wants = Wants(takes, givens, nets, fixed)
        if not wants.some:
            return wants
        active = body.library.saved(step.body, wants, body.options, asked).active
        more = tuple(a or b for a, b in zip(takes, active, strict=True))
        if more == takes:
            return wants
        takes = more


def _needs(body: "Pull", step: Repeat) -> Needs:
    nets = tuple(
        any(body.needs.nets[row[i]] for row in step.nets) for i in range(len(step.body.nets))
    )
    return Needs(tuple(body.has_cotangent(name) for name in step.givens), nets)


def used_slots(step: Repeat) -> tuple[int, ...]:
    """Return the caller's slots that any turn uses, in order, each once."""
    return tuple(sorted({slot for row in step.nets for slot in row}))
