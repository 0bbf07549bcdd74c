"""Statements of a body."""

from typing import Literal

from revc.grammar.ast.expressions import Arg, Expr, Name, Place
from revc.grammar.ast.node import Node
from revc.grammar.ast.types import Param, Type
from revc.grammar.span import Span


class Update(Node):
    """`target += value` or `target -= value`."""

    kind: Literal["update"] = "update"
    target: Place
    op: Literal["+=", "-="]
    value: Expr


class Simultaneous(Node):
    """`a, b <- e1, e2`: all values read before any is written (written so that lint can refuse)."""

    kind: Literal["simultaneous"] = "simultaneous"
    targets: tuple[Place, ...]
    values: tuple[Expr, ...]


class Residual(Node):
    """`residual y by F`: y + F(y)."""

    kind: Literal["residual"] = "residual"
    target: Place
    net: Expr


class Negate(Node):
    """`negate y`."""

    kind: Literal["negate"] = "negate"
    target: Place


class Scale(Node):
    """`scale y by e in [lo, hi] as m`; without a range the factor is unbounded."""

    kind: Literal["scale"] = "scale"
    target: Place
    factor: Expr
    lo: Expr | None
    hi: Expr | None
    meter: str | None
    stack: str | None = None


class Mix(Node):
    """`mix y by householder(4)`."""

    kind: Literal["mix"] = "mix"
    target: Place
    by: Expr


class Apply(Node):
    """`apply y by softsign()`."""

    kind: Literal["apply"] = "apply"
    target: Place
    by: Expr


class Swap(Node):
    """`swap a, b`."""

    kind: Literal["swap"] = "swap"
    left: Name
    right: Name


class Split(Node):
    """`split x -> a, b along i`."""

    kind: Literal["split"] = "split"
    source: Name
    parts: tuple[Name, ...]
    axis: Expr | None


class Join(Node):
    """`join a, b -> x along i`."""

    kind: Literal["join"] = "join"
    parts: tuple[Name, ...]
    target: Name
    axis: Expr | None


class Permute(Node):
    """`permute x by (0, 2, 1)`."""

    kind: Literal["permute"] = "permute"
    target: Name
    order: tuple[Expr, ...]


class Reshape(Node):
    """`reshape x to [B, T, c]`."""

    kind: Literal["reshape"] = "reshape"
    target: Name
    dims: tuple[Expr, ...]


class Squeeze(Node):
    """`squeeze x by 2`, and `undo squeeze x by 2`: space to depth."""

    kind: Literal["squeeze"] = "squeeze"
    target: Name
    factor: Expr


class Alloc(Node):
    """`alloc a, b: T = e`."""

    kind: Literal["alloc"] = "alloc"
    names: tuple[Name, ...]
    type: Type
    value: Expr


class Free(Node):
    """`free a, b = e`."""

    kind: Literal["free"] = "free"
    names: tuple[Name, ...]
    value: Expr


class Forget(Node):
    """`forget a, b`: registers end whatever they hold, and reversibility with them."""

    kind: Literal["forget"] = "forget"
    names: tuple[Name, ...]


class Put(Node):
    """`put y by q as m on t`; `type` is that of y in `undo put y: T by q as m`, else None."""

    kind: Literal["put"] = "put"
    target: Name
    type: Type | None = None
    by: Expr
    meter: str | None
    stack: str | None = None


class Draw(Node):
    """`draw y: T by q as m on t`."""

    kind: Literal["draw"] = "draw"
    target: Name
    type: Type
    by: Expr
    meter: str | None
    stack: str | None = None


class Valve(Node):
    """`valve y[slice] by q as m on t`."""

    kind: Literal["valve"] = "valve"
    target: Place
    by: Expr
    meter: str | None
    stack: str | None = None


class BlockCall(Node):
    """`label: Block<F, h = 2>(a, b)`; with `uncall` its inverse.

    ``uncall enc(a, b)`` names a label or a block: the resolver tells which.
    """

    kind: Literal["block_call"] = "block_call"
    label: str | None
    uncall: bool
    block: str
    block_span: Span
    generics: tuple[Arg, ...]
    args: tuple[Arg, ...]


class Repeat(Node):
    """`label: repeat N reversed as i share { body }`."""

    kind: Literal["repeat"] = "repeat"
    label: str | None = None
    count: Expr
    index: str | None
    reversed: bool
    share: bool
    body: tuple["Stmt", ...]


class Undo(Node):
    """`undo STATEMENT`: the statement's inverse."""

    kind: Literal["undo"] = "undo"
    statement: "Stmt"


class Let(Node):
    """`let v = e`: a named read."""

    kind: Literal["let"] = "let"
    name: str
    value: Expr


class Emit(Node):
    """`emit name = e`: a read for the caller."""

    kind: Literal["emit"] = "emit"
    name: str
    value: Expr


class NetDecl(Node):
    """`net F(x: T) -> T separable batch = e`; without a value it is bound from Python."""

    kind: Literal["net"] = "net"
    name: str
    params: tuple[Param, ...] | None
    result: Type | None
    separable: tuple[str, ...]
    value: Expr | None


Stmt = (
    Update
    | Simultaneous
    | Residual
    | Negate
    | Scale
    | Mix
    | Apply
    | Swap
    | Split
    | Join
    | Permute
    | Reshape
    | Squeeze
    | Alloc
    | Free
    | Forget
    | Put
    | Draw
    | Valve
    | BlockCall
    | Repeat
    | Undo
    | Let
    | Emit
    | NetDecl
)
