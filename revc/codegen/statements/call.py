"""Block calls: a call of the callee's graph, or of its VJP graph."""

from typing import TYPE_CHECKING, Any

from torch.fx import Node

from revc.codegen.expressions import Cotangents
from revc.codegen.interface import emits_of
from revc.codegen.options import Needs
from revc.ir.expr import Place
from revc.ir.instructions import BlockCall
from revc.ir.program import Block

if TYPE_CHECKING:
    from revc.codegen.body import Body
    from revc.codegen.forward import Forward
    from revc.codegen.pull import Pull


def lower(body: "Forward", step: BlockCall) -> None:
    """Call the block's graph."""
    callee = body.library.oriented(step.block, step.undo)
    graph = body.library.forward(callee, body.options, asked(body, step.givens))
    name = body.module(step.block.name, graph)
    args = [body.state.pop(arg) for arg in step.args]
    args += read(body, step.givens)
    args += [body.nets[slot] for slot in step.nets]
    args += [*body.sizes_for(callee), *body.tail(callee)]
    taken(body, name, args, step.results, _emits(step, callee))


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
    graph = body.library.vjp(callee, needs, body.options, asked(body, step.givens))
    name = body.module(f"{step.block.name}_vjp", graph)
    args = [*handed(body, step.results), *given(body, step.givens)]
    args += [body.emit_cots[emit] for emit in _emits(step, callee)]
    args += [body.nets[slot] for slot in step.nets]
    args += [*body.sizes_for(callee), *body.tail(callee)]
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
