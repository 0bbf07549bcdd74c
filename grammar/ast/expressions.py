"""Expressions: numbers, names, calls, reads of a part of a register."""

from typing import Literal

from revc.grammar.ast.node import Node
from revc.grammar.span import Span

Operator = Literal["+", "-", "*", "/"]


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
    op: Operator
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
    func_span: Span
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


IndexItem = Dots | Range | At


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


Expr = Num | Bool | Str | Name | Neg | Binary | Call | ListExpr | Index | Torch
Place = Name | Index
