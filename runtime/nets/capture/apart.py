"""Operators that keep examples apart: the form of what each gives, from those of what it reads.

Each raises `Mixed` where it mixes rows of several examples, or is not known not to.
"""

from collections.abc import Callable, Iterable
from math import prod

from torch import Tensor
from torch.fx import Node

from revc.runtime.nets.capture.axes import (
    EVEN,
    SAME,
    Along,
    Call,
    Form,
    Mixed,
    listed,
    shape_of,
)


def elementwise(call: Call) -> Form:
    """Return the form of what broadcasts its operands."""
    out = shape_of(call.node)
    operands = [x for x in (*call.node.args, *call.node.kwargs.values()) if isinstance(x, Node)]
    places = {
        form._replace(axis=form.axis - len(shape_of(x)))
        for x in operands
        if isinstance(form := call.form(x), Along)
    }
    if len(places) > 1:
        raise Mixed
    if not places:
        return EVEN if all(call.form(x) == EVEN for x in operands) else SAME
    (place,) = places
    for one in operands:
        if not isinstance(call.form(one), Along):
            call.check_even(one, place.axis)
    return place._replace(axis=place.axis + len(out))


def same(call: Call) -> Form:
    """Return the form of the first argument."""
    return call.form(call.node.args[0])


def viewed(call: Call) -> Form:
    """Return the form of another shape of the same elements."""
    form = call.along
    shape, out = shape_of(call.node.args[0]), shape_of(call.node)
    outer = prod(shape[: form.axis]) * form.times
    for axis, size in reversed(list(enumerate(out))):
        times, rest = divmod(outer, prod(out[:axis]))
        if times and not rest and size % (times * call.examples) == 0:
            return Along(axis, times, size // (times * call.examples))
    raise Mixed


def transposed(call: Call) -> Form:
    """Return the form behind an exchange of two axes."""
    form, n = call.along, len(shape_of(call.node))
    one, other = call.arg(1, default=0) % n, call.arg(2, default=1) % n
    return form._replace(axis={one: other, other: one}.get(form.axis, form.axis))


def permuted(call: Call) -> Form:
    """Return the form behind a permutation of axes."""
    form, n = call.along, len(shape_of(call.node))
    return form._replace(axis=[axis % n for axis in call.arg(1)].index(form.axis))


def expanded(call: Call) -> Form:
    """Return the form with axes in front."""
    form = call.along
    more = len(shape_of(call.node)) - len(shape_of(call.node.args[0]))
    return form._replace(axis=form.axis + more)


def unsqueezed(call: Call) -> Form:
    """Return the form with one more axis."""
    form, n = call.along, len(shape_of(call.node))
    return form._replace(axis=form.axis + (call.arg(1) % n <= form.axis))


def squeezed(call: Call) -> Form:
    """Return the form without axes of size 1."""
    form, n = call.along, len(shape_of(call.node.args[0]))
    dims = {axis % n for axis in listed(call.arg(1, "dim"))}
    gone = [x for x in dims if shape_of(call.node.args[0])[x] == 1]
    return _without(form, gone)


def chosen(call: Call) -> Form:
    """Return the form of one place of an axis."""
    form, n = call.along, len(shape_of(call.node.args[0]))
    return _without(form, [call.arg(1) % n])


def cut(call: Call) -> Form:
    """Return the form of a part of an axis other than that of the examples, or of all of it."""
    axis = call.arg(1, "dim", 0) % len(shape_of(call.node.args[0]))
    if axis == call.along.axis and shape_of(call.node) != shape_of(call.node.args[0]):
        raise Mixed
    return call.along


def parted(call: Call) -> Form:
    """Return the forms of parts of an axis."""
    axis = call.arg(2, "dim", 0) % len(shape_of(call.node.args[0]))
    if axis == call.along.axis:
        raise Mixed
    return (call.along,) * len(call.node.meta["val"])


def unbound(call: Call) -> Form:
    """Return the forms of the places of an axis."""
    axis = call.arg(1, "dim", 0) % len(shape_of(call.node.args[0]))
    return (_without(call.along, [axis]),) * len(call.node.meta["val"])


def joined(call: Call) -> Form:
    """Return the form of parts put side by side."""
    parts = call.arg(0)
    found = {form for part in parts if isinstance(form := call.form(part), Along)}
    axis = call.arg(1, "dim", 0) % len(shape_of(call.node))
    if len(found) != 1:
        raise Mixed
    (form,) = found
    if axis == form.axis or any(call.form(p) == SAME and not _is_even(p, form) for p in parts):
        raise Mixed
    return form


def _is_even(part: Node, form: Along) -> bool:
    held: Tensor = part.meta["val"]
    return held.stride(form.axis) == 0 or held.shape[form.axis] == 1


def stacked(call: Call) -> Form:
    """Return the form of parts put on top of one another."""
    found = {call.form(part) for part in call.arg(0)}
    if len(found) != 1 or not isinstance(form := found.pop(), Along):
        raise Mixed
    axis = call.arg(1, "dim", 0) % len(shape_of(call.node))
    return form._replace(axis=form.axis + (axis <= form.axis))


def reduced(call: Call, place: int = 1, keep: int = 2) -> Form:
    """Return the form of sums over axes other than that of the examples."""
    n = len(shape_of(call.node.args[0]))
    dims = [axis % n for axis in listed(call.arg(place, "dim"))]
    if not dims or call.along.axis in dims:
        raise Mixed
    form = call.along if call.arg(keep, "keepdim", False) else _without(call.along, dims)
    values = call.node.meta["val"]
    return (form,) * len(values) if isinstance(values, tuple | list) else form


def within(call: Call) -> Form:
    """Return the form of what mixes along one axis: softmax, sums so far."""
    n = len(shape_of(call.node.args[0]))
    if call.arg(1, "dim", -1) % n == call.along.axis:
        raise Mixed
    values = call.node.meta["val"]
    return (call.along,) * len(values) if isinstance(values, tuple | list) else call.along


def multiplied(call: Call, first: int = 0) -> Form:
    """Return the form of a product of matrices, or of stacks of them."""
    left, right = call.node.args[first : first + 2]
    one, other, n = call.form(left), call.form(right), len(shape_of(left))
    found = one if isinstance(one, Along) else other
    if not isinstance(found, Along):
        raise Mixed
    batched = n == 3 and found.axis == 0
    if isinstance(one, Along) and isinstance(other, Along):
        if not batched or one != other:
            raise Mixed
    elif batched:
        call.check_even(right if isinstance(one, Along) else left, -3)
    elif found.axis != (n - 2 if isinstance(one, Along) else n - 1):
        raise Mixed
    if first:
        bias = call.form(call.node.args[0])
        if isinstance(bias, Along) and bias != found:
            raise Mixed
        if not isinstance(bias, Along):
            call.check_even(call.node.args[0], found.axis - n)
    return found


def normed(call: Call) -> Form:
    """Return the form of a norm over the last axes, with its statistics."""
    return in_front(call, len(call.arg(1)))


def in_front(call: Call, inner: int) -> Form:
    """Return the form of what works on the last `inner` axes, of the first argument alone."""
    if call.along.axis >= len(shape_of(call.node.args[0])) - inner:
        raise Mixed
    for other in call.node.args[1:]:
        if isinstance(other, Node) and isinstance(call.form(other), Along):
            raise Mixed
    values = call.node.meta["val"]
    return (call.along,) * len(values) if isinstance(values, tuple | list) else call.along


def first_axis(call: Call) -> Form:
    """Return the form of what works on each row of the first axis by itself."""
    if call.along.axis != 0:
        raise Mixed
    return in_front(call, 0)


def batch_norm(call: Call) -> Form:
    """Return the form of a batch norm by known statistics, or whose channels count the examples.

    Any other takes its statistics from all of them.
    """
    flags = [a.name for a in call.node.target._schema.arguments]  # type: ignore[union-attr]
    if "training" not in flags:
        raise Mixed
    if call.arg(flags.index("training"), "training"):
        return _by_channels(call)
    return (first_axis(call)[0], *(SAME,) * (len(call.node.meta["val"]) - 1))


def _by_channels(call: Call) -> Form:
    """Return the form of a norm of each channel by itself, as an instance norm is made of."""
    channels = call.along._replace(axis=0)
    weights, running = call.node.args[1:3], call.node.args[3:5]
    alike = all(x is None or call.form(x) == channels for x in weights)
    if call.along.axis != 1 or not alike or any(isinstance(x, Node) for x in running):
        raise Mixed
    return (call.along, *(channels,) * (len(call.node.meta["val"]) - 1))


def trilinear(call: Call) -> Form:
    """Return the form of a product of three, to which axes are added, summed over some."""
    operands, added = call.node.args[:3], call.node.args[3:6]
    n = len(shape_of(operands[0])) + len(listed(added[0]))
    axes = [[x for x in range(n) if x not in {y % n for y in listed(own)}] for own in added]
    pairs = [(x, call.form(x), own) for x, own in zip(operands, axes, strict=True)]
    places = {f._replace(axis=own[f.axis]) for _, f, own in pairs if isinstance(f, Along)}
    if len(places) != 1:
        raise Mixed
    (place,) = places
    for one, form, own in pairs:
        if not isinstance(form, Along) and place.axis in own:
            call.check_even(one, own.index(place.axis) - len(own))
    return _without(place, [axis % n for axis in listed(call.arg(6))])


def attended(call: Call) -> Form:
    """Return the form of attention, whose queries, keys and values have the examples in front."""
    inputs = [x for x in (*call.node.args, *call.node.kwargs.values()) if isinstance(x, Node)]
    if len({call.form(x) for x in call.node.args[:3]}) != 1 or call.along.axis > 1:
        raise Mixed
    for mask in inputs[3:]:
        if call.form(mask) != call.along:
            call.check_even(mask, call.along.axis - 4)
    out = [call.along if isinstance(v, Tensor) and v.dim() > 2 else SAME
           for v in call.node.meta["val"]]  # fmt: skip
    return tuple(out)


def looked_up(call: Call) -> Form:
    """Return the form of rows of a table, by labels of the examples."""
    table, labels = call.node.args[:2]
    form = call.form(labels)
    if isinstance(call.form(table), Along) or not isinstance(form, Along):
        raise Mixed
    return form


def padded(call: Call) -> Form:
    """Return the form of what is padded at its last axes."""
    pads, n = call.arg(1), len(shape_of(call.node))
    if call.along.axis >= n - len(pads) // 2 and any(pads[2 * (n - 1 - call.along.axis) :][:2]):
        raise Mixed
    return call.along


def _without(form: Along, gone: Iterable[int]) -> Along:
    if form.axis in gone:
        raise Mixed
    return form._replace(axis=form.axis - sum(axis < form.axis for axis in gone))


Rule = Callable[[Call], Form]
