"""The syntax tree of a `.rev` file: frozen pydantic nodes, each with its span.

The tree is what the author wrote, names unresolved, in the order of the file. `Node.same` compares
what two nodes say, wherever they stand; `==` compares their places too.
"""

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from revc.grammar.span import Span


class Node(BaseModel):
    """Root of all syntax nodes; immutable, and strict about its fields."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    span: Annotated[Span, Field(repr=False, exclude=True)]

    def same(self, other: "Node") -> bool:
        """Say whether both nodes mean the same, wherever they stand."""
        pairs: list[tuple[Any, Any]] = [(self, other)]
        while pairs:
            one, two = pairs.pop()
            if type(one) is not type(two):
                return False
            if isinstance(one, tuple):
                if len(one) != len(two):
                    return False
                pairs += zip(one, two, strict=True)
            elif isinstance(one, Node):
                pairs += zip(_said(one), _said(two), strict=True)
            elif one != two:
                return False
        return True


# --- expressions ---------------------------------------------------------------------------------


class Num(Node):
    """A number; `text` keeps the author's spelling (`1e-3`, `0.50`)."""

    kind: Literal["num"] = "num"
    value: int | float
    text: str


class Bool(Node):
    """`true` or `false`."""

    kind: Literal["bool"] = "bool"
    value: bool


class Str(Node):
    """A quoted string, without its quotes."""

    kind: Literal["str"] = "str"
    value: str


class Name(Node):
    """A bare name: a dim, a register, a given, a `let`, a net, or a choice such as `gelu`."""

    kind: Literal["name"] = "name"
    id: str


class Neg(Node):
    """`-operand`."""

    kind: Literal["neg"] = "neg"
    operand: "Expr"


class Binary(Node):
    """`left op right`."""

    kind: Literal["binary"] = "binary"
    op: Literal["+", "-", "*", "/"]
    left: "Expr"
    right: "Expr"


class Arg(Node):
    """One argument, named (`heads = 8`) or positional (`name is None`)."""

    name: str | None
    value: "Expr"


class Call(Node):
    """`func(args)`: a net, an elementary function, a distribution, a mix or a bijection."""

    kind: Literal["call"] = "call"
    func: str
    func_span: Annotated[Span, Field(repr=False, exclude=True)]
    args: tuple[Arg, ...]


class ListExpr(Node):
    """`[a, b]` or `(a, b)`: a shape or an order."""

    kind: Literal["list"] = "list"
    items: tuple["Expr", ...]
    bracket: Literal["[", "("]


class Dots(Node):
    """`..` in an index: as many full axes as it takes."""

    kind: Literal["dots"] = "dots"


class Range(Node):
    """`lo:hi` in an index; either end may be missing."""

    kind: Literal["range"] = "range"
    lo: "Expr | None"
    hi: "Expr | None"


class At(Node):
    """A single position in an index; removes its axis."""

    kind: Literal["at"] = "at"
    value: "Expr"


IndexItem = Annotated[Dots | Range | At, Field(discriminator="kind")]


class Index(Node):
    """`base[items]`, with `base` a register, a given or a `let`."""

    kind: Literal["index"] = "index"
    base: Name
    items: tuple[IndexItem, ...]


class Torch(Node):
    """`torch "package.module:Class"(args)`: a torch module as a net."""

    kind: Literal["torch"] = "torch"
    target: str
    args: tuple[Arg, ...]


Expr = Annotated[
    Num | Bool | Str | Name | Neg | Binary | Call | ListExpr | Index | Torch,
    Field(discriminator="kind"),
]
Place = Annotated[Name | Index, Field(discriminator="kind")]


# --- types and parameters ------------------------------------------------------------------------


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


# --- statements ----------------------------------------------------------------------------------


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
    block_span: Annotated[Span, Field(repr=False, exclude=True)]
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


Stmt = Annotated[
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
    | NetDecl,
    Field(discriminator="kind"),
]


# --- top level -----------------------------------------------------------------------------------


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
    name_span: Annotated[Span, Field(repr=False, exclude=True)]
    generics: tuple[Generic, ...]
    params: tuple[Param, ...]
    results: tuple[Param, ...] | None
    body: tuple[Stmt, ...]


class ModelDecl(Node):
    """`model Name(params) -> (results) { body }`."""

    kind: Literal["model"] = "model"
    name: str
    name_span: Annotated[Span, Field(repr=False, exclude=True)]
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
    name_span: Annotated[Span, Field(repr=False, exclude=True)]
    slots: tuple[Slot, ...]
    result: tuple[str, ...]
    separable: tuple[str, ...]
    random: str | None
    torch: Torch


Item = Annotated[
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
    | SignatureDecl,
    Field(discriminator="kind"),
]


class Comment(Node):
    """One `# ...` comment with its text; `own_line` when nothing stands before it on its line."""

    text: str
    own_line: bool


class File(Node):
    """A whole file: its items in order, and its comments for the formatter and for `allow`."""

    items: tuple[Item, ...]
    comments: tuple[Comment, ...] = ()


def walk(node: Any) -> Iterator[Node]:
    """Yield every `Node` below and including `node`, parents first, in the order of the source."""
    rest = [node]
    while rest:
        here = rest.pop()
        if isinstance(here, Node):
            yield here
            rest.extend(getattr(here, name) for name in reversed(type(here).model_fields))
        elif isinstance(here, tuple):
            rest.extend(reversed(here))


def typed(params: tuple[Param, ...]) -> tuple[Param, ...]:
    """Give each parameter the type that holds for it: in `a, b: T` that of the next one typed."""
    found: list[Param] = []
    held: Type | None = None
    for param in reversed(params):
        held = param.type or held
        found.append(param if param.type else param.model_copy(update={"type": held}))
    return tuple(reversed(found))


def _said(node: Node) -> Iterator[Any]:
    """Yield the fields of a node that are not places."""
    for name in type(node).model_fields:
        if not name.endswith("span"):
            yield getattr(node, name)
