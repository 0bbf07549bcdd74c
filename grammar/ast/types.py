"""Types, parameters of blocks and models, and generics."""

from typing import Literal

from revc.grammar.ast.expressions import Expr
from revc.grammar.ast.node import Node


class Numerics(Node):
    """`lattice(Qm.n)`, `float32` or `label(size)`."""

    kind: Literal["lattice", "float32", "label"]
    integer_bits: int | None = None
    fraction_bits: int | None = None
    size: Expr | None = None


class Type(Node):
    """`numerics[dims]`; `numerics is None` means the file's state numerics."""

    numerics: Numerics | None
    dims: tuple[Expr, ...]


class Param(Node):
    """A parameter or a result: state unless `given`.

    `type` is None where a later name gives it, as for `a` in `a, b: T`: see `typed`.
    """

    name: str
    type: Type | None
    given: bool = False


class Generic(Node):
    """A block's parameter in angle brackets: a net (`F`) or a number with a default (`h = 1`)."""

    name: str
    default: Expr | None


def typed(params: tuple[Param, ...]) -> tuple[Param, ...]:
    """Give each parameter the type that holds for it: in `a, b: T` that of the next one typed."""
    found: list[Param] = []
    held: Type | None = None
    for param in reversed(params):
        held = param.type or held
        found.append(param if param.type else param.replace(type=held))
    return tuple(reversed(found))
