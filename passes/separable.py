"""Which increments may run in pieces along the batch."""

from collections.abc import Sequence

from revc.grammar.signatures import builtin_signatures
from revc.ir.expr import At, Elementwise, Expr, NetCall, Number, Read, Slice
from revc.ir.nets import Builtin, NetSlot
from revc.ir.types import Shape


def along_batch(value: Expr, target: Shape, slots: Sequence[NetSlot]) -> bool:
    """Say whether `value`, an increment of a register of shape `target`, splits along axis 0.

    It does when everything in it that has an example axis computes each example by itself: built-in
    nets that declare so, elementwise functions, and brought modules, which are taken at their word
    (an example never sees its batch).
    """
    if not target:
        return False
    batch = target[0]
    match value:
        case Number():
            return True
        case Read(place=place):
            if place.index and isinstance(place.index[0], At):
                return False
            if place.index and place.index[0] != Slice(span=place.index[0].span):
                return False
            return len(value.shape) < len(target) or (bool(value.shape) and value.shape[0] == batch)
        case Elementwise(args=args):
            return all(along_batch(arg, target, slots) for arg in args)
        case NetCall(args=args):
            source = slots[value.slot].source
            if isinstance(source, Builtin):
                if "batch" not in builtin_signatures()[source.name].separable:
                    return False
            return bool(args) and all(along_batch(arg, target, slots) for arg in args)
