"""Make syntax nodes: for each grammar rule, its node class and where its parts go.

A layout lists the fields that a rule's parts fill, in order. A mark before a field's name says how:

    ``name``    the part; a token gives its text, a string's without quotes
    ``@name``   also `name_span`, the token's place
    ``?name``   whether the part is there
    ``~name``   the part, or an empty tuple when it is absent
    ``#name``   the items of a list
    ``*name``   this part and all that follow
"""

from typing import Any

from revc.grammar import ast
from revc.grammar.lexer import Token
from revc.grammar.span import Span

Parts = list[Any]

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

    def make(self, rule: str, span: Span, parts: Parts) -> Any:
        """Return the value of `rule`: a node, or a tuple for a group."""
        if rule in LAYOUTS:
            cls, layout = LAYOUTS[rule]
            return cls(span=span, **self._fields(layout, parts))
        if rule in GROUPS:
            return tuple(_plain(part) for part in parts)
        if rule in OPERATORS:
            left, right = parts
            return ast.Binary(span=span, op=OPERATORS[rule], left=left, right=right)
        return getattr(self, f"_{rule}")(span, parts)

    def _fields(self, layout: str, parts: Parts) -> dict[str, Any]:
        fields: dict[str, Any] = {}
        for at, entry in enumerate(layout.split()):
            mark, name = entry[0], entry.lstrip("@?~#*")
            if mark == "*":
                fields[name] = tuple(_plain(part) for part in parts[at:])
                break
            part = parts[at]
            fields[name] = _MARKS.get(mark, _plain)(part)
            if mark == "@":
                fields[f"{name}_span"] = self.span(part)
        return fields

    def _use(self, span: Span, parts: Parts) -> ast.Use:
        module, *names = parts
        return ast.Use(span=span, module=module.id, names=tuple(names))

    def _path(self, span: Span, parts: Parts) -> ast.Name:
        return ast.Name(span=span, id=".".join(part.text for part in parts))

    def _unmetered(self, span: Span, parts: Parts) -> ast.BudgetDecl:
        return self.make("budget", span, [None, *parts])

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


_MARKS = {
    "?": lambda part: part is not None,
    "~": lambda part: () if part is None else part,
    "#": lambda part: part.items,
}
