"""Slots between bodies: an inner body's slots become slots of the body around it."""

from collections.abc import Hashable, Mapping

from revc.ir.nets import Builtin, NetSlot
from revc.ir.types import shape_text
from revc.passes.elaborate.bodies import Body
from revc.passes.elaborate.nets.lookup import shared_net
from revc.passes.elaborate.nets.slots import Draft, retied
from revc.passes.elaborate.nets.tied_embeddings import is_implied
from revc.passes.elaborate.scope.scope import Scope
from revc.passes.rules.report import Reported
from revc.passes.rules.s003_unknown_argument import bad_argument
from revc.passes.rules.s004_shape_mismatch import mismatch

MOST_NETS = 50_000
MOST_IN_ALL = 500_000  # of a spec's blocks and models together


def instantiate(
    scope: Scope, inner: Body, prefix: str, known: Mapping[Hashable, int]
) -> tuple[int, ...]:
    """Return the slots of `scope` for those of `inner`; own ones are made, named by `prefix`.

    Raises:
        Reported: a linked net is called with other shapes than before, or there are too many nets.
    """
    elaboration = scope.elaboration
    if elaboration.full:
        raise Reported
    elaboration.nets += len(inner.links)
    own = len(scope.slots.drafts) + len(inner.links) > MOST_NETS
    if own or elaboration.nets > MOST_IN_ALL:
        elaboration.full = True
        most = f"more than {MOST_NETS} nets" if own else f"one of over {MOST_IN_ALL} nets in all"
        text = f"has {most}; `repeat .. share` has one set for all turns"
        raise scope.findings.reject(bad_argument(scope.path, text, inner.block.span))
    nets = []
    for slot, link in zip(inner.block.nets, inner.links, strict=True):
        nets.append(_one(scope, slot, link, prefix, known))
    for slot, link, at in zip(inner.block.nets, inner.links, nets, strict=True):
        if link is None:
            scope.slots.drafts[at].source = retied(slot.source, nets.__getitem__)
    return tuple(nets)


def _one(
    scope: Scope, slot: NetSlot, link: Hashable, prefix: str, known: Mapping[Hashable, int]
) -> int:
    if link is None:
        name = f"{prefix}.{slot.name}"
        return scope.slots.add(Draft(name, slot.span, slot.source, None, slot.inputs, slot.output))
    at = known[link] if link in known else _file_slot(scope, link)
    _settle(scope, scope.slots.drafts[at], slot)
    return at


def _file_slot(scope: Scope, link: Hashable) -> int:
    """Return this body's slot for one of a file's nets, as ``("file", full name, k)``."""
    assert isinstance(link, tuple)
    _, full, k = link
    home, decl = scope.elaboration.file_decls[full]
    net = shared_net(scope, home, decl)
    assert net is not None
    return net.uses[k]


def _settle(scope: Scope, draft: Draft, slot: NetSlot) -> None:
    """Give a slot the types that an inner body calls it with; all calls must agree."""
    if draft.output is None or is_implied(draft.inputs):
        draft.inputs, draft.output = slot.inputs, slot.output
        if isinstance(draft.source, Builtin) and isinstance(slot.source, Builtin):
            settings = slot.source.settings
            draft.source = draft.source.replace(settings=settings)
        return
    have = [kind.shape[-1:] for kind in draft.inputs or ()] + [draft.output[-1:]]
    now = [kind.shape[-1:] for kind in slot.inputs] + [slot.output[-1:]]
    if have != now and not is_implied(slot.inputs):
        text = (
            f"`{draft.name}` is one net: called for {shape_text(slot.output)} here, "
            f"for {shape_text(draft.output)} before"
        )
        raise scope.findings.reject(mismatch(slot.span, text))
