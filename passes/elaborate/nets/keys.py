"""Keys of nets: two nets with one key make equal blocks of a block that takes a net."""

from collections.abc import Hashable

from revc.ir.expr import renumber
from revc.ir.keys import key
from revc.ir.nets import Builtin, Hole, Setting, Source, TorchClass
from revc.passes.elaborate.nets.slots import Net, Slots


def net_key(net: Net, slots: Slots) -> Hashable:
    """Return what a block can tell of a net: all but which instance it is."""
    order = {slot: k for k, slot in enumerate(net.uses)}
    sources = [_source(slots.drafts[slot].source, order) for slot in net.uses]
    if net.signature is not None:
        # As it is declared: sizes that its first call settles follow from the block's own types,
        # and a call before that is by the same net.
        sources[0] = _declared(net, slots.drafts[net.uses[0]].source, order)
    params = tuple((n, t.shape, str(t.numerics)) for n, t in net.params) if net.params else None
    body = key(renumber(net.body, order)) if net.body is not None else None
    return params, net.result, tuple(sources), body


def _declared(net: Net, source: Source, order: dict[int, int]) -> Hashable:
    assert isinstance(source, Builtin)
    return _source(source.replace(settings=dict(net.options)), order)


def _source(source: Source, order: dict[int, int]) -> Hashable:
    match source:
        case Builtin():
            tied = order[source.tied] if source.tied is not None else None
            return source.name, _settings(source.settings), tied
        case TorchClass():
            return source.target, source.args, _settings(source.kwargs), source.separable
        case Hole():
            return "hole", source.name, source.separable
    raise TypeError(type(source))


def _settings(settings: dict[str, Setting]) -> Hashable:
    return tuple((name, type(value).__name__, value) for name, value in settings.items())
