"""Which increments may run in pieces along the batch and the sequence, and which reads are cut.

Axis 0 of an increment is the batch and axis 1 the sequence, unless it is the last of a net's
result, which nets compute as a whole.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from revc.ir.dims import Dim
from revc.ir.expr import Elementwise, Expr, NetCall, Number, Place, Read, Slice
from revc.ir.keys import Key, key
from revc.ir.net_kinds import signature_of
from revc.ir.nets import Builtin, NetSlot
from revc.ir.types import Shape

Axes = tuple[int | None, int | None]
"""Which of its own axes a value is cut along for pieces of the batch, and of the sequence."""

ALONG = ("batch", "sequence")
"""What a net is said to be separable along, by axis."""


@dataclass(frozen=True)
class Cuts:
    """How an increment is cut.

    `counts` are its pieces along the batch and along the sequence, `places` the axes of what it
    reads, by the places' keys; those that are read whole are left out.
    """

    counts: tuple[int, int]
    places: Mapping[Key, Axes]

    @property
    def target(self) -> Axes:
        """The axes of the target."""
        batch, sequence = self.counts
        return (0 if batch > 1 else None, 1 if sequence > 1 else None)


def cuts_of(
    value: Expr,
    target: Place,
    shape: Shape,
    slots: Sequence[NetSlot],
    counts: tuple[int, int],
    turns: Sequence[str] = (),
) -> Cuts | None:
    """Return how an increment is cut in at most `counts` pieces, None if it runs whole.

    `value` is an increment of `target`, a place of shape `shape`. It splits along an axis when
    everything in it that has the axis computes each place along it by itself: elementwise
    functions, and nets that are declared separable along it, built in or brought. An axis that is
    known to be shorter than its count, or that depends on one of the `turns`, is left whole.
    """
    found: list[Mapping[Key, int]] = []
    for axis, count in enumerate(counts):
        places: dict[Key, int | None] = {}
        fits = count > 1 and axis < len(shape) and _is_long(shape[axis], count, turns)
        fits = fits and _is_whole(target, axis)
        if fits and not _Sorting(axis, shape[axis], slots, places).sort(value, len(shape), axis):
            places.clear()
        found.append({name: own for name, own in places.items() if own is not None and fits})
    batch, sequence = (n if cut else 1 for n, cut in zip(counts, found, strict=True))
    if batch == sequence == 1:
        return None
    names = dict.fromkeys((*found[0], *found[1]))
    return Cuts((batch, sequence), {n: (found[0].get(n), found[1].get(n)) for n in names})


@dataclass
class _Sorting:
    """Sorts what an increment reads, for one axis of it, of size `size`.

    `places` gets the axis of each that is cut, and None for what is read whole.
    """

    axis: int
    size: Dim
    slots: Sequence[NetSlot]
    places: dict[Key, int | None]

    def sort(self, value: Expr, rank: int, axis: int) -> bool:
        """Sort the reads of a value that stands where values have `rank` axes, `axis` the cut one.

        Returns whether it can be cut there. Values of fewer axes are broadcast along the first.
        """
        match value:
            case Number():
                return True
            case Read(place=place):
                own = axis - rank + len(value.shape)
                return self._sort_read(value, place, own)
            case Elementwise(args=args):
                return all(self.sort(arg, rank, axis) for arg in args)
            case NetCall():
                return self._sort_call(value, axis - rank + len(value.shape))

    def _sort_call(self, call: NetCall, own: int) -> bool:
        """Sort what a net reads whose axis `own` is cut."""
        if own < 0 or call.shape[own] != self.size:
            return all(self.sort(arg, _NEVER, 0) for arg in call.args)
        if own > len(ALONG) - 1 or own == len(call.shape) - 1 > 0:
            return False
        source = self.slots[call.slot].source
        known = signature_of(source) if isinstance(source, Builtin) else source
        if ALONG[own] not in getattr(known, "separable", ()):
            return False
        args = call.args
        has = all(len(arg.shape) > own and arg.shape[own] == self.size for arg in args)
        return has and all(self.sort(arg, len(arg.shape), own) for arg in args)

    def _sort_read(self, read: Read, place: Place, own: int) -> bool:
        name = key(place)
        whole = own < 0 or read.shape[own].integer == 1
        if not whole and (read.shape[own] != self.size or not _is_whole(place, own)):
            return False
        found = None if whole else own
        return self.places.setdefault(name, found) == found


_NEVER = 1 << 30  # a rank that no read has: all reads below stay whole


def _is_long(size: Dim, count: int, turns: Sequence[str]) -> bool:
    known = size.integer
    return not size.names & set(turns) and (known is None or known >= count)


def _is_whole(place: Place, axis: int) -> bool:
    """Say whether a place has the whole of its register along an axis of its own."""
    if not place.index:
        return True
    slices = [item for item in place.index if isinstance(item, Slice)]
    return axis < len(slices) and slices[axis].hi is None and slices[axis].lo.integer == 0
