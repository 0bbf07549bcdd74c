"""Types as written become types of the intermediate form."""

from collections.abc import Mapping

from revc.grammar import ast
from revc.ir.dims import Dim
from revc.ir.types import Float, Label, Lattice, Numerics, RegType
from revc.passes.elaborate.scope.names import size
from revc.passes.rules.report import Findings
from revc.passes.rules.s007_numeric_mix import numeric_mix

WIDTHS = (16, 32, 64)
DEFAULT = Lattice(integer_bits=12, fraction_bits=20)


def numerics(node: ast.Numerics, names: Mapping[str, Dim], findings: Findings) -> Numerics:
    """Return the numerics that `node` writes.

    Raises:
        Reported: a lattice of a width that no integer has, or a label of unknown size.
    """
    if node.kind == "float32":
        return Float()
    if node.kind == "label":
        assert node.size is not None
        return Label(size=size(node.size, names, findings))
    whole, fraction = node.integer_bits or 0, node.fraction_bits or 0
    if whole + fraction not in WIDTHS:
        raise findings.reject(
            numeric_mix(
                node.span,
                f"lattice(Q{whole}.{fraction}) has {whole + fraction} bits: use 16, 32 or 64",
            )
        )
    return Lattice(integer_bits=whole, fraction_bits=fraction)


def regtype(
    node: ast.Type, default: Numerics, names: Mapping[str, Dim], findings: Findings
) -> RegType:
    """Return the type that `node` writes; without a numerics it is `default`'s.

    Raises:
        Reported: a dim or a numerics is wrong.
    """
    kind = numerics(node.numerics, names, findings) if node.numerics else default
    shape = tuple(size(dim, names, findings) for dim in node.dims)
    return RegType(numerics=kind, shape=shape)
