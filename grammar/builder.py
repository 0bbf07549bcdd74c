"""Make syntax nodes: for each grammar rule, its node class and where its parts go.

A layout lists the fields that a rule's parts fill, in order. A mark before a field's name says how:

    ``name``    the part; a token gives its text, a string's without quotes
    ``@name``   also `name_span`, the token's place
    ``?name``   whether the part is there
    ``~name``   the part, or an empty tuple when it is absent
    ``#name``   the items of a list
    ``*name``   this part and all that follow
"""

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

from revc.grammar import ast
from revc.grammar.lexer import Token
from revc.grammar.span import Span

Parts = list[Any]
Place = tuple[int, int, int, int]
"""Line and column of a start, and of the end behind it."""

LAYOUTS: dict[str, tuple[type[ast.Node], str]] = {
    "start": (ast.File, "*items"),
    "dim": (ast.DimDecl, "*entries"),
    "dim_entry": (ast.DimEntry, "name value"),
    "state": (ast.StateDecl, "numerics"),
    "net": (ast.NetDecl, "name params result ~separable value"),
    "torch": (ast.Torch, "target ~args"),
    "block": (ast.BlockDecl, "@name ~generics params results body"),
    "model": (ast.ModelDecl, "@name params results body"),
    "generic": (ast.Generic, "name default"),
    "param": (ast.Param, "?given name type"),
    "budget": (ast.BudgetDecl, "meter targets bound units"),
    "reservoir": (ast.ReservoirDecl, "name ~args"),
    "tape": (ast.TapeDecl, "name"),
    "bijection": (ast.BijectionDecl, "name forward inverse"),
    "signature": (ast.SignatureDecl, "@name slots result ~separable random torch"),
    "type": (ast.Type, "numerics #dims"),
    "update": (ast.Update, "target op value"),
    "simultaneous": (ast.Simultaneous, "targets values"),
    "residual": (ast.Residual, "target net"),
    "negate": (ast.Negate, "target"),
    "scale": (ast.Scale, "target factor lo hi meter stack"),
    "mix": (ast.Mix, "target by"),
    "apply": (ast.Apply, "target by"),
    "swap": (ast.Swap, "left right"),
    "split": (ast.Split, "source parts axis"),
    "join": (ast.Join, "parts target axis"),
    "permute": (ast.Permute, "target #order"),
    "reshape": (ast.Reshape, "target #dims"),
    "squeeze": (ast.Squeeze, "target factor"),
    "alloc": (ast.Alloc, "names type value"),
    "free": (ast.Free, "names value"),
    "forget": (ast.Forget, "names"),
    "put": (ast.Put, "target type by meter stack"),
    "draw": (ast.Draw, "target type by meter stack"),
    "valve": (ast.Valve, "target by meter stack"),
    "block_call": (ast.BlockCall, "label ?uncall @block ~generics args"),
    "repeat": (ast.Repeat, "label count ?reversed index ?share body"),
    "undo": (ast.Undo, "statement"),
    "let": (ast.Let, "name value"),
    "emit": (ast.Emit, "name value"),
    "neg": (ast.Neg, "operand"),
    "name": (ast.Name, "id"),
    "string": (ast.Str, "value"),
    "call": (ast.Call, "@func args"),
    "arg": (ast.Arg, "name value"),
    "index": (ast.Index, "base *items"),
    "dots": (ast.Dots, ""),
    "range": (ast.Range, "lo hi"),
    "at": (ast.At, "value"),
}
GROUPS = frozenset(
    {"args", "generic_args", "generics", "params", "body", "targets", "places", "values", "names"}
    | {"units", "slots", "pattern", "outcome", "kinds", "separable"}
)
OPERATORS: dict[str, ast.Operator] = {"add": "+", "sub": "-", "mul": "*", "div": "/"}
NESTING = frozenset({*OPERATORS, "neg", "call", "index", "list", "order", "repeat", "undo"})


class Builder:
    """The actions of the grammar's rules for one file.

    The parser alone makes these values; a test checks that they are what the nodes' fields say.
    """

    def __init__(self, file: str) -> None:
        self._file = file

    def span(self, token: Token) -> Span:
        """Return the place of `token`."""
        return Span(self._file, token.line, token.column, token.line, token.end_column)

    def make(self, rule: str, place: Place, parts: Parts) -> Any:
        """Return the value of `rule`, its parts standing at `place`: a node, or a group's tuple."""
        if rule in GROUPS:
            return tuple([_plain(part) for part in parts])
        span = Span(self._file, *place)
        if rule in LAYOUTS:
            return self._node(_layout(rule), span, parts)
        if rule in OPERATORS:
            left, right = parts
            return ast.Binary(span=span, op=OPERATORS[rule], left=left, right=right)
        return getattr(self, f"_{rule}")(span, parts)

    def _node(self, layout: "_Layout", span: Span, parts: Parts) -> Any:
        values = layout.blank.copy()
        values["span"] = span
        for part, (name, convert, name_span) in zip(parts, layout.entries, strict=False):
            values[name] = convert(part)
            if name_span:
                values[name_span] = self.span(part)
        if layout.rest:
            values[layout.rest] = tuple([_plain(part) for part in parts[len(layout.entries) :]])
        return layout.cls.holding(values)

    def _use(self, span: Span, parts: Parts) -> ast.Use:
        module, *names = parts
        return ast.Use(span=span, module=module.id, names=tuple(names))

    def _path(self, span: Span, parts: Parts) -> ast.Name:
        return ast.Name(span=span, id=".".join(part.text for part in parts))

    def _unmetered(self, span: Span, parts: Parts) -> ast.BudgetDecl:
        return self._node(_layout("budget"), span, [None, *parts])

    def _results(self, span: Span, parts: Parts) -> Any:
        return parts[0]

    def _meter(self, span: Span, parts: Parts) -> str:
        return parts[0].text

    _random = _meter

    def _memory_budget(self, span: Span, parts: Parts) -> ast.MemoryBudget:
        _, bound, unit = parts
        return ast.MemoryBudget(span=span, bound=bound, unit=unit.text)

    def _shrunk(self, span: Span, parts: Parts) -> str:
        return "/".join(part.text for part in parts)

    def _fewer(self, span: Span, parts: Parts) -> str:
        return " - ".join(part.text for part in parts)

    def _slot(self, span: Span, parts: Parts) -> ast.Slot:
        name, many, sort, default = parts
        return ast.Slot(span=span, name=name.text, many=many is not None, default=default, **sort)

    def _input_sort(self, span: Span, parts: Parts) -> dict[str, Any]:
        return {"pattern": parts[0], "kinds": (), "label": False}

    def _label_sort(self, span: Span, parts: Parts) -> dict[str, Any]:
        return {"pattern": parts[0], "kinds": (), "label": True}

    def _option_sort(self, span: Span, parts: Parts) -> dict[str, Any]:
        return {"pattern": None, "kinds": parts[0], "label": False}

    def _lattice(self, span: Span, parts: Parts) -> ast.Numerics:
        whole, fraction = parts[0].text[1:].split(".")
        return ast.Numerics(
            span=span, kind="lattice", integer_bits=int(whole), fraction_bits=int(fraction)
        )

    def _float32(self, span: Span, parts: Parts) -> ast.Numerics:
        return ast.Numerics(span=span, kind="float32")

    def _label(self, span: Span, parts: Parts) -> ast.Numerics:
        return ast.Numerics(span=span, kind="label", size=parts[0])

    def _number(self, span: Span, parts: Parts) -> ast.Num:
        text = parts[0].text
        value = int(text) if text.isdigit() else float(text)
        return ast.Num(span=span, value=value, text=text)

    def _true(self, span: Span, parts: Parts) -> ast.Bool:
        return ast.Bool(span=span, value=True)

    def _false(self, span: Span, parts: Parts) -> ast.Bool:
        return ast.Bool(span=span, value=False)

    def _list(self, span: Span, parts: Parts) -> ast.ListExpr:
        return ast.ListExpr(span=span, items=tuple(parts), bracket="[")

    def _order(self, span: Span, parts: Parts) -> ast.ListExpr:
        return ast.ListExpr(span=span, items=tuple(parts), bracket="(")


def _plain(part: Any) -> Any:
    if isinstance(part, Token):
        return part.text[1:-1] if part.type == "STRING" else part.text
    return part


_MARKS: dict[str, Callable[[Any], Any]] = {
    "?": lambda part: part is not None,
    "~": lambda part: () if part is None else part,
    "#": lambda part: part.items,
}


class _Layout(NamedTuple):
    """A layout, taken apart: its class with a node's defaults, and what is done with the parts.

    `entries` have a field's name, what makes its value of a part, and the field for the part's
    place or nothing; `rest` is the field that takes all parts behind them, or nothing.
    """

    cls: type[ast.Node]
    blank: dict[str, Any]
    entries: tuple[tuple[str, Callable[[Any], Any], str], ...]
    rest: str


@cache
def _layout(rule: str) -> _Layout:
    cls, text = LAYOUTS[rule]
    named = [(one[0], one.lstrip("@?~#*")) for one in text.split()]
    entries = tuple(
        (name, _MARKS.get(mark, _plain), f"{name}_span" if mark == "@" else "")
        for mark, name in named
        if mark != "*"
    )
    rest = named[-1][1] if named and named[-1][0] == "*" else ""
    return _Layout(cls, cls.blank(), entries, rest)
