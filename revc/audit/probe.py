"""Run a torch net to see what it does besides reading: what its text alone does not tell.

A net is made as compiling would make it and watched on one small input (`probe_watch`). A declared
bijection is called, and so is its inverse (`probe_bijection`). What is seen is seen there, and no
more.
"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from revc.audit.generators import generators_kept
from revc.audit.probe_bijection import mismatch
from revc.audit.probe_watch import watched
from revc.codegen.compile import imported_with
from revc.codegen.imports import may_import
from revc.errors import BindError
from revc.ir.dims import Dim
from revc.ir.nets import NetSlot, TorchClass
from revc.ir.types import Label, RegType
from revc.passes.analysis.torch_layers import Looked
from revc.runtime.nets.binding import import_net

FREE = 4  # what a free size is here
ERRORS = (
    ArithmeticError, AssertionError, AttributeError, LookupError, NameError, OSError, RuntimeError,
    TypeError, ValueError,
)  # fmt: skip


class Prober:
    """Probes nets and bijections, each sort once.

    `allowed` are the modules that they may come from, any with None; others are not known.
    """

    def __init__(self, allowed: Sequence[str] | None = None) -> None:
        self._allowed = allowed
        self._known: dict[object, Looked] = {}

    def __call__(self, slot: NetSlot) -> Looked:
        """Return what a torch net was seen to do."""
        source = slot.source
        assert isinstance(source, TorchClass)
        if not may_import(source.target, self._allowed):
            return Looked("unknown", f"{source.target} may not be imported")
        key = source.target, source.args, repr(source.kwargs), tuple(map(str, slot.inputs))
        if key not in self._known:
            self._known[key] = probed(slot, source)
        return self._known[key]

    def undone(self, forward: str, inverse: str) -> str | None:
        """Return how the inverse of a bijection was seen to fail, None if it did not.

        One that cannot be imported, or called on numbers, is not known.
        """
        if not all(may_import(target, self._allowed) for target in (forward, inverse)):
            return None
        with generators_kept():
            torch.manual_seed(0)
            try:
                return mismatch(forward, inverse)
            except (ImportError, *ERRORS):
                return None


def probed(slot: NetSlot, source: TorchClass) -> Looked:
    """Return what a net was seen to do; the generators of this process are left as they were.

    A net that cannot be made or run is not known: compiling has the word on that.
    """
    args, kwargs = imported_with(source)
    with generators_kept():
        torch.manual_seed(0)
        try:
            net = import_net(slot.name, source.target, args, kwargs)
            return watched(net, source.target, [input_of(kind) for kind in slot.inputs])
        except BindError as error:
            return Looked("unknown", str(error))
        except ERRORS as error:
            what = f"{type(error).__name__}: {error}".splitlines()[0]
            return Looked("unknown", f"{source.target} could not be run ({what})")


def input_of(kind: RegType, sizes: Mapping[str, Dim | int] | None = None) -> Tensor:
    """Return random values of a type; sizes that nobody gives are `FREE`."""
    shape = [_size(dim, sizes or {}) for dim in kind.shape]
    if isinstance(kind.numerics, Label):
        return torch.randint(_size(kind.numerics.size, sizes or {}), shape)
    return torch.randn(shape)


def _size(dim: Dim, sizes: Mapping[str, Dim | int]) -> int:
    known = dim.substitute({**dict.fromkeys(dim.names, FREE), **sizes}).constant
    return max(1, int(known or 1))
