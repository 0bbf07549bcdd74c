"""Bind the free dims of another file's block to the shapes that a call passes."""

from collections.abc import Mapping
from fractions import Fraction

from revc.grammar import ast
from revc.ir.dims import Dim
from revc.ir.types import Label, RegType
from revc.passes.elaborate.elaboration import Elaboration
from revc.passes.elaborate.scope.names import Names, size
from revc.passes.modules import Module


def unify(
    elaboration: Elaboration,
    module: Module,
    params: Mapping[str, ast.Param],
    passed: Mapping[str, RegType],
) -> Names:
    """Return the file's dims with those bound that the arguments' shapes tell.

    A dim is bound where it stands alone or with a factor; the types are compared afterwards.
    """
    names = elaboration.names(module)
    bound: dict[str, Dim] = {}
    for name, kind in passed.items():
        written = params[name].type
        if written is None:
            continue
        dims = [size(dim, names, elaboration.findings) for dim in written.dims]
        given = list(kind.shape)
        if isinstance(kind.numerics, Label) and written.numerics and written.numerics.size:
            dims.append(size(written.numerics.size, names, elaboration.findings))
            given.append(kind.numerics.size)
        for dim, value in zip(dims, given, strict=False):
            _solve(dim.substitute(bound), value, bound)
    return {name: dim.substitute(bound) for name, dim in names.items()}


def _solve(dim: Dim, value: Dim, bound: dict[str, Dim]) -> None:
    """Bind the one free name of ``factor * name + constant`` so that it equals `value`."""
    linear = [(m, f) for m, f in dim.terms if m]
    if len(linear) != 1 or len(linear[0][0]) != 1:
        return
    (name,), factor = linear[0]
    constant = next((f for m, f in dim.terms if not m), Fraction(0))
    bound.setdefault(name, (value - Dim.of(constant)) / Dim.of(factor))
