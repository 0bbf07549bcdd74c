"""Types of registers and values: a numerics and a symbolic shape."""

from typing import Literal

from revc.grammar.record import Record
from revc.grammar.span import Span
from revc.ir.dims import Dim


class IRNode(Record):
    """Root of the intermediate form's nodes: immutable and strict.

    `_facts` is where `revc.ir.memo` keeps what was found out about a node.
    """

    __slots__ = ("_facts",)


class Located(IRNode):
    """A node that came from a place in a file; the place takes no part in dumps and hashes."""

    span: Span


class Lattice(IRNode):
    """Fixed point: an integer `raw` stands for ``raw * 2**-fraction_bits``; adds wrap around."""

    kind: Literal["lattice"] = "lattice"
    integer_bits: int
    fraction_bits: int

    @property
    def width(self) -> int:
        """Bits of the integer that holds it: 16, 32 or 64."""
        return self.integer_bits + self.fraction_bits

    def __str__(self) -> str:
        return f"lattice(Q{self.integer_bits}.{self.fraction_bits})"


class Float(IRNode):
    """IEEE float32; as state it is reversible up to rounding only (Q303)."""

    kind: Literal["float32"] = "float32"

    def __str__(self) -> str:
        return "float32"


class Label(IRNode):
    """An integer in ``[0, size)``, held as int64."""

    kind: Literal["label"] = "label"
    size: Dim

    def __str__(self) -> str:
        return f"label({self.size})"


FLOAT = Float()
Numerics = Lattice | Float | Label
Shape = tuple[Dim, ...]


class RegType(IRNode):
    """What a register or a given holds."""

    numerics: Numerics
    shape: Shape

    def __str__(self) -> str:
        return f"{self.numerics}{shape_text(self.shape)}"


def shape_text(shape: Shape) -> str:
    """Return ``[B, T, 2*c]``."""
    return "[" + ", ".join(str(dim) for dim in shape) + "]"
