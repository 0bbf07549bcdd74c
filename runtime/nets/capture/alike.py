"""Values that are made of no example and are alike for each: they count them all the same."""

import torch

from revc.runtime.nets.capture.axes import EVEN, Along, Call, shape_of

aten = torch.ops.aten


def alike(call: Call) -> Along | None:
    """Return the form of what is alike for each example, None for what is not known to be."""
    if call.node.target is aten.repeat.default:
        return _repeated(call)
    if call.node.target in (aten.mm.default, aten.addmm.default):
        return _product(call)
    return None


def _repeated(call: Call) -> Along | None:
    """Return the form of a list that is there once for each example, or as often for each."""
    shape, repeats = shape_of(call.node.args[0]), call.arg(1)
    if len(shape) != 1 or len(repeats) != 1:
        return None
    times, rest = divmod(repeats[0], call.examples)
    return Along(0, times, shape[0]) if times and not rest else None


def _product(call: Call) -> Along | None:
    """Return the form of a product whose left factor has the same row for each example."""
    *bias, left, _ = call.node.args
    if call.form(left) != EVEN or shape_of(left)[0] != call.examples:
        return None
    for one in bias:
        call.check_even(one, -2)
    return Along(0)
