"""``y += e``: evaluated, in pieces if asked for, rounded and added.

Its pull evaluates once: the value takes the state back, its VJP takes the target's cotangent.
"""

from typing import TYPE_CHECKING

import torch
from torch.fx import Node

from revc.codegen import pieces as cutting
from revc.codegen.expressions import Cotangents
from revc.codegen.targets.base import Evaluation, Pieces
from revc.codegen.values import brought_nets, place_keys, view_shape
from revc.ir.instructions import Add
from revc.ir.keys import key
from revc.passes.analysis.separable import Cuts
from revc.runtime import cotangents
from revc.runtime.nets import brought

if TYPE_CHECKING:
    from revc.codegen.body import Body
    from revc.codegen.gather import Gathering
    from revc.codegen.pull import Pull
    from revc.codegen.record import Pulling, Record

aten = torch.ops.aten


def lower(body: "Body", step: Add) -> None:
    """Evaluate and add."""
    views, pieces, cuts = _views(body, step)
    kind = body.types[step.target.name].numerics
    changed = []
    for view, piece in zip(views, pieces, strict=True):
        value = _fitting(body, step, view, piece)
        changed.append(body.target.add(body, kind, view, value, step.sign))
    body.target.settle(body.state, step.target, changed, cuts)


def pull(body: "Pull", step: Add) -> None:
    """Take the state back, and the target's cotangent through the increment."""
    views, pieces, cuts = _views(body, step)
    cots = _cut_target(body, body.cotangent(step.target), cuts)
    changed = []
    for index, (view, cot, piece) in enumerate(zip(views, cots, pieces, strict=True)):
        node, found = _retracted(body, step, view, cot, piece)
        changed.append(node)
        if cuts is not None:
            _gather_piece(body, found, index, cuts)
    body.target.settle(body.state, step.target, changed, cuts)
    if cuts is None:
        body.gather(found)


def record(body: "Record", step: Add) -> "Pulling | None":
    """Evaluate on a tape and add; the pull takes the target's cotangent through the same tape."""
    views, pieces, cuts = _views(body, step)
    kind = body.types[step.target.name].numerics
    evaluations, changed = [], []
    for view, piece in zip(views, pieces, strict=True):
        found = body.evaluate(step.value, piece)
        value = _checked(body, step, view, found.node)
        changed.append(body.target.add(body, kind, view, value, step.sign))
        evaluations.append(found)
    body.target.settle(body.state, step.target, changed, cuts)
    if not any(found.active for found in evaluations):
        return None
    body.activate(step.target.name)

    def back() -> None:
        cots = _cut_target(body, body.cotangent(step.target), cuts)
        for index, (found, cot) in enumerate(zip(evaluations, cots, strict=True)):
            pulled = _pulled(body, step, cot, found)
            if cuts is None:
                body.gather(pulled)
            else:
                _gather_piece(body, pulled, index, cuts)

    return back


def _views(body: "Body", step: Add) -> tuple[list[Node], list[Pieces | None], Cuts | None]:
    """Return the pieces of the target, of what its value reads, and how they were cut.

    An increment that runs whole is one piece, and nothing is cut.
    """
    target = body.raw(step.target)[0]
    cuts = cutting.cuts_for(step, body.types[step.target.name], body.block, body.options.chunks)
    if cuts is None:
        return [target], [None], None
    views = _cut_target(body, target, cuts)
    reads: list[Pieces] = [{} for _ in views]
    for name, place in place_keys(step.value).items():
        if name in cuts.places:
            nodes = cutting.cut(body.tape, body.raw(place)[0], cuts, cuts.places[name])
            for read, node in zip(reads, nodes, strict=True):
                read[name] = node
    return views, [*reads], cuts


def _cut_target(body: "Body", node: Node, cuts: Cuts | None) -> list[Node]:
    """Return the pieces of a target, or of its cotangent."""
    return [node] if cuts is None else cutting.cut(body.tape, node, cuts, cuts.target)


def _fitting(body: "Body", step: Add, view: Node, pieces: Pieces | None) -> Node:
    """Evaluate an increment."""
    return _checked(body, step, view, body.value(step.value, pieces))


def _checked(body: "Body", step: Add, view: Node, node: Node) -> Node:
    """Return an increment; one that brought nets make is checked against the target."""
    nets = brought_nets(step.value, body.block)
    if not nets or _is_broadcast(body, step):
        return node
    return body.tape.call(brought.check_shape, node, view, nets[0])


def _is_broadcast(body: "Body", step: Add) -> bool:
    return step.value.shape != view_shape(body.types[step.target.name], step.target)


def _retracted(
    body: "Pull", step: Add, view: Node, cot: Node, pieces: Pieces | None
) -> tuple[Node, Cotangents]:
    """Evaluate once; return the rebuilt view of the target and the leaves' cotangents."""
    found = body.evaluate(step.value, pieces)
    kind = body.types[step.target.name].numerics
    cot = body.target.damped(body, kind, cot, found.node)
    changed = body.target.retract(body, kind, view, found.node, step.sign)
    return changed, _pulled(body, step, cot, found)


def _pulled(body: "Gathering", step: Add, cot: Node, found: Evaluation) -> Cotangents:
    """Return the leaves' cotangents from that of the target."""
    cot = cot if step.sign > 0 else body.tape.call(aten.neg.default, cot)
    if _is_broadcast(body, step):
        cot = body.tape.call(cotangents.reduce_like, cot, found.node)
    return found.pull(cot)


def _gather_piece(body: "Gathering", found: Cotangents, index: int, cuts: Cuts) -> None:
    """Gather one piece's cotangents: those of reads that were cut go to their piece."""
    for place, part in found.reads:
        axes = cuts.places.get(key(place), (None, None))
        body.add_cotangent(place, part, cutting.place_of(index, cuts, axes))
    body.gather(Cotangents([], found.params, found.nets))
