"""Block calls: a call of the callee's graph, or of its VJP graph."""

from typing import TYPE_CHECKING, Any

from torch.fx import Node

from revc.codegen.expressions import Cotangents
from revc.codegen.interface import emits_of
from revc.codegen.options import Needs, Wants
from revc.ir.expr import Place
from revc.ir.instructions import BlockCall
from revc.ir.program import Block

if TYPE_CHECKING:
    from revc.codegen.body import Body
    from revc.codegen.forward import Forward
    from revc.codegen.pull import Pull
    from revc.codegen.record import Pulling, Record
    from revc.codegen.split import Saved


def lower(body: "Forward", step: BlockCall) -> None:
    """Call the block's graph."""
    callee = body.library.oriented(step.block, step.undo)
    options = body.options.below(step.rows())
    graph = body.library.forward(callee, options, asked(body, step.givens))
    name = body.module(step.block.name, graph)
    args = [body.state.pop(arg) for arg in step.args]
    args += read(body, step.givens)
    args += [body.nets[slot] for slot in step.nets]
    args += [*body.sizes_for(callee), *body.tail(callee, options)]
    taken(body, name, args, step.results, _emits(step, callee))


def record(body: "Record", step: BlockCall) -> "Pulling | None":
    """Call the block's graph that keeps; its pull takes what that kept."""
    callee = body.library.oriented(step.block, step.undo)
    wants = Wants(
        tuple(name in body.active for name in step.args),
        tuple(place.name in body.active for place in step.givens),
        tuple(body.wants.nets[slot] for slot in step.nets),
        tuple(place.name in body.fixed for place in step.givens),
    )
    if not wants.some:
        lower(body, step)
        return None
    saved = body.library.saved(callee, wants, body.options, asked(body, step.givens))
    name = body.module(step.block.name, saved.keep)
    state = [body.state.pop(arg) for arg in step.args]
    tail = [*(body.nets[slot] for slot in step.nets), *body.sizes_for(callee)]
    args = [*state, *read(body, step.givens), *tail]
    args += body.tail(callee, body.options)
    emits = _emits(step, callee)
    kept = keeping(body, name, args, state, step.args, step.results, emits, saved)

    def back() -> None:
        name = body.module(f"{step.block.name}_pull", saved.pull)
        cots = coming_in(body, step.results, step.givens, emits, wants, saved)
        pulled_back(body, name, [kept, *cots, *tail], step.args, step.givens, step.nets, wants)

    return back


def keeping(
    body: "Record", name: str, args: list[Any], state: list[Node], takes: tuple[str, ...],
    gives: tuple[str, ...], emits: tuple[str, ...], saved: "Saved",
) -> Node:  # fmt: skip
    """Call a submodule that keeps; return the node of what it kept."""
    out, *nodes = taken(body, name, args, gives, emits)
    out.meta["changes"] = tuple(state)
    body.active.difference_update(takes)
    body.activate(*(n for n, active in zip(gives, saved.active, strict=True) if active))
    kept = body.tape.item(out, len(nodes))
    kept.meta["kept"] = True
    return kept


def coming_in(
    body: "Record", gives: tuple[str, ...], givens: tuple[Place, ...], emits: tuple[str, ...],
    wants: Wants, saved: "Saved",
) -> list[Any]:  # fmt: skip
    """Return what a callee's pull takes of cotangents and givens."""
    cots: list[Any] = [body.cots.pop(name, None) for name in gives]
    cots += [
        body.raw(place)[0] if reads else None
        for place, reads in zip(givens, saved.reads, strict=True)
    ]
    for index, (place, wanted) in enumerate(zip(givens, wants.givens, strict=True)):
        held = body.cots_with(place.name) if wanted else None
        again = _is_again(givens, index)
        cots.append(None if held is None else body.target.lent(held, place, again))
    return [*cots, *(body.emit_cots[emit] for emit in emits)]


def pulled_back(
    body: "Record", name: str, args: list[Any], registers: tuple[str, ...],
    givens: tuple[Place, ...], nets: tuple[int, ...], wants: Wants,
) -> None:  # fmt: skip
    """Call a submodule that pulls what `wants` says, and take cotangents."""
    out = body.graph.call_module(name, (*args, body.dtype, body.low, body.device))
    out.meta["effect"] = True
    for index, register in enumerate(registers):
        body.cots[register] = body.tape.item(out, index)
    for index, (place, wanted) in enumerate(zip(givens, wants.givens, strict=True)):
        held = body.cots_with(place.name) if wanted else None
        if held is not None:
            total = body.tape.item(out, len(registers) + index)
            body.target.returned(held, place, total, _is_again(givens, index))
    for index, slot in enumerate(nets, len(registers) + len(givens)):
        if body.wants.nets[slot]:
            node = body.tape.item(out, index)
            body.gather(Cotangents([], {}, {slot: node}))


def _emits(step: BlockCall, callee: Block) -> tuple[str, ...]:
    """Return the caller's names of what a call emits, in the order of the block as it runs."""
    return tuple(step.prefix + name for name in emits_of(callee))


def asked(body: "Body", givens: tuple[Place, ...]) -> tuple[bool, ...]:
    """Return of what is passed as givens whether a cotangent may be wanted."""
    return tuple(body.asked(place) for place in givens)


def taken(
    body: "Forward",
    name: str,
    args: list[Any],
    results: tuple[str, ...],
    emits: tuple[str, ...],
) -> list[Node]:
    """Call a submodule and take registers, emits and health from what it returns."""
    out = body.graph.call_module(name, tuple(args))
    nodes = [body.tape.item(out, i) for i in range(len(results) + len(emits) + 1)]
    body.state.update(zip(results, nodes, strict=False))
    body.emitted.update(zip(emits, nodes[len(results) :], strict=False))
    body.health = nodes[len(results) + len(emits)]
    return [out, *nodes]


def pull(body: "Pull", step: BlockCall) -> None:
    """Call the block's VJP graph."""
    callee = body.library.oriented(step.block, step.undo)
    needs = Needs(
        tuple(body.has_cotangent(place.name) for place in step.givens),
        tuple(body.needs.nets[slot] for slot in step.nets),
    )
    options = body.options.below(step.rows())
    graph = body.library.vjp(callee, needs, options, asked(body, step.givens))
    name = body.module(f"{step.block.name}_vjp", graph)
    args = [*handed(body, step.results), *given(body, step.givens)]
    args += [body.emit_cots[emit] for emit in _emits(step, callee)]
    args += [body.lent_net(slot, (step.nets,)) for slot in step.nets]
    args += [*body.sizes_for(callee), *body.tail(callee, options)]
    pulled(body, name, args, step.args, step.givens, step.nets)


def handed(body: "Pull", names: tuple[str, ...]) -> list[Node]:
    """Hand registers and their cotangents over for good."""
    return [body.state.pop(name) for name in names] + [body.cots.pop(name) for name in names]


def read(body: "Body", places: tuple[Place, ...]) -> list[Node]:
    """Return what is passed as givens, of which no two share memory where that matters."""
    return body.target.apart(body, [body.raw(place)[0] for place in places])


def given(body: "Pull", places: tuple[Place, ...]) -> list[Node | None]:
    """Return givens and their cotangents, None for those that have none."""
    nodes: list[Node | None] = [*read(body, places)]
    for index, place in enumerate(places):
        cots = body.cots_with(place.name)
        again = _is_again(places, index)
        nodes.append(None if cots is None else body.target.lent(cots, place, again))
    return nodes


def _is_again(places: tuple[Place, ...], index: int) -> bool:
    """Say whether the same value, or a part of it, is passed before the place at `index`."""
    return any(place.name == places[index].name for place in places[:index])


def pulled(
    body: "Pull",
    name: str,
    args: list[Any],
    registers: tuple[str, ...],
    givens: tuple[Place, ...],
    nets: tuple[int, ...],
) -> tuple[Node, int]:
    """Call a VJP submodule and take state and cotangents from what it returns.

    Returns the node of the result and how many of its items are taken.
    """
    out = body.graph.call_module(name, tuple(args))
    count = 2 * len(registers) + len(givens) + len(nets) + 1
    items = iter(range(count))
    take = lambda: body.tape.item(out, next(items))  # noqa: E731
    body.state.update({register: take() for register in registers})
    body.cots.update({register: take() for register in registers})
    for index, place in enumerate(givens):
        node, cots = take(), body.cots_with(place.name)
        if cots is not None:
            body.target.returned(cots, place, node, _is_again(givens, index))
    for slot in nets:
        node = take()
        if body.needs.nets[slot]:
            body.gather(Cotangents([], {}, {slot: node}))
    body.health = take()
    return out, count
