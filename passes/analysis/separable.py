"""Which increments may run in pieces along the batch, and which of their reads are then cut."""

from collections.abc import Sequence

from revc.ir.dims import Dim
from revc.ir.expr import At, Elementwise, Expr, NetCall, Number, Place, Read, Slice
from revc.ir.keys import Key, key
from revc.ir.net_kinds import signature_of
from revc.ir.nets import Builtin, NetSlot
from revc.ir.types import Shape


def batch_places(
    value: Expr, target: Place, shape: Shape, slots: Sequence[NetSlot]
) -> frozenset[Key] | None:
    """Return the keys of the places to cut along axis 0, or None if `value` must run whole.

    `value` is an increment of `target`, a place of a register of shape `shape`. It splits when
    everything in it that has an example axis computes each example by itself: elementwise
    functions, and nets that are declared `separable batch`, built in or brought.
    """
    if not shape or not _is_whole(target):
        return None
    cut: set[Key] = set()
    whole: set[Key] = set()
    if not _sort(value, len(shape), shape[0], slots, cut, whole) or not cut or cut & whole:
        return None
    return frozenset(cut)


_NEVER = 1 << 30  # a rank that no read has: all reads below stay whole


def _sort(
    value: Expr, rank: int, batch: Dim, slots: Sequence[NetSlot], cut: set[Key], whole: set[Key]
) -> bool:
    """Sort the reads of a value that stands where values have `rank` axes, the first the batch."""
    match value:
        case Number():
            return True
        case Read(place=place):
            return _sort_read(value, place, rank, batch, cut, whole)
        case Elementwise(args=args):
            return all(_sort(arg, rank, batch, slots, cut, whole) for arg in args)
        case NetCall(args=args):
            if len(value.shape) < rank or value.shape[0] != batch:
                return all(_sort(arg, _NEVER, batch, slots, cut, whole) for arg in args)
            source = slots[value.slot].source
            known = signature_of(source) if isinstance(source, Builtin) else source
            if "batch" not in getattr(known, "separable", ()):
                return False
            own = all(arg.shape and arg.shape[0] == batch for arg in args)
            return own and all(_sort(arg, len(arg.shape), batch, slots, cut, whole) for arg in args)


def _sort_read(
    value: Read, place: Place, rank: int, batch: Dim, cut: set[Key], whole: set[Key]
) -> bool:
    name = key(place)
    if len(value.shape) < rank or not value.shape or value.shape[0].integer == 1:
        whole.add(name)
        return True
    if value.shape[0] != batch or not _is_whole(place):
        return False
    cut.add(name)
    return True


def _is_whole(place: Place) -> bool:
    """Say whether a place has its register's whole example axis."""
    if not place.index:
        return True
    first = place.index[0]
    return (
        isinstance(first, Slice)
        and not isinstance(first, At)
        and first.hi is None
        and (first.lo.integer == 0)
    )
