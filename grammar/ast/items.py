"""What a file holds: declarations, budgets, stacks, its comments."""

from typing import Literal

from revc.grammar.ast.expressions import Arg, Expr, Name, Torch
from revc.grammar.ast.node import Node
from revc.grammar.ast.statements import NetDecl, Stmt
from revc.grammar.ast.types import Generic, Numerics, Param
from revc.grammar.span import Span


class Use(Node):
    """`use std.nets: attention, mlp`; names are those of a file's nets, blocks and models."""

    kind: Literal["use"] = "use"
    module: str
    names: tuple[Name, ...]


class DimEntry(Node):
    """`d = 64`, or a free dim."""

    name: str
    value: Expr | None


class DimDecl(Node):
    """`dim B, T, d = 64`."""

    kind: Literal["dim"] = "dim"
    entries: tuple[DimEntry, ...]


class StateDecl(Node):
    """`state lattice(Q12.20)`: the file's state numerics."""

    kind: Literal["state"] = "state"
    numerics: Numerics


class BlockDecl(Node):
    """`block Name<generics>(params) { body }`; a block gives back the state that it took."""

    kind: Literal["block"] = "block"
    name: str
    name_span: Span
    generics: tuple[Generic, ...]
    params: tuple[Param, ...]
    results: tuple[Param, ...] | None
    body: tuple[Stmt, ...]


class ModelDecl(Node):
    """`model Name(params) -> (results) { body }`."""

    kind: Literal["model"] = "model"
    name: str
    name_span: Span
    params: tuple[Param, ...]
    results: tuple[Param, ...] | None
    body: tuple[Stmt, ...]


class BudgetDecl(Node):
    """`budget net(LM.va, LM.vb) <= 0.1 bits/token/valve`; `meter is None` is M503.

    `units` are those behind `bits`: `("token", "valve")` for `bits/token/valve`.
    """

    kind: Literal["budget"] = "budget"
    meter: str | None
    targets: tuple[Name, ...]
    bound: Expr
    units: tuple[str, ...]


class MemoryBudget(Node):
    """`budget memory <= 512 MiB`: what a training step of each model of the file may hold."""

    kind: Literal["memory_budget"] = "memory_budget"
    bound: Expr
    unit: str


class ReservoirDecl(Node):
    """`reservoir e(seed = 1, bits = 64000)`."""

    kind: Literal["reservoir"] = "reservoir"
    name: str
    args: tuple[Arg, ...]


class TapeDecl(Node):
    """`tape t`."""

    kind: Literal["tape"] = "tape"
    name: str


class BijectionDecl(Node):
    """`bijection N = torch "..." inverse "..."`."""

    kind: Literal["bijection"] = "bijection"
    name: str
    forward: Torch
    inverse: str


class Slot(Node):
    """One argument of a `Signature`: an input when `pattern` is set, otherwise an option.

    An input has a shape pattern (`[.., n]`); `many` says that several may be given, which are
    concatenated, and `label` that it holds labels. An option has kinds: one of `int`, `number`,
    `bool`, `net`, `dims` or `axes`, or the words that it may be (`gelu | silu`).
    """

    name: str
    many: bool = False
    label: bool = False
    pattern: tuple[str, ...] | None = None
    kinds: tuple[str, ...] = ()
    default: Expr | None = None


class SignatureDecl(Node):
    """`signature norm(x: [.., n]) -> [.., n] separable batch = torch "..."`, in `std/nets.rev`.

    An axis of the result is written as in a shape pattern, `H/stride` where an option divides it,
    or `.. - along` where an option names axes that go.
    """

    kind: Literal["signature"] = "signature"
    name: str
    name_span: Span
    slots: tuple[Slot, ...]
    result: tuple[str, ...]
    separable: tuple[str, ...]
    random: str | None
    torch: Torch


Item = (
    Use
    | DimDecl
    | StateDecl
    | NetDecl
    | BlockDecl
    | ModelDecl
    | BudgetDecl
    | MemoryBudget
    | ReservoirDecl
    | TapeDecl
    | BijectionDecl
    | SignatureDecl
)


class Comment(Node):
    """One `# ...` comment with its text; `own_line` when nothing stands before it on its line."""

    text: str
    own_line: bool


class File(Node):
    """A whole file: its items in order, and its comments for the formatter and for `allow`."""

    items: tuple[Item, ...]
    comments: tuple[Comment, ...] = ()
