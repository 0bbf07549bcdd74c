"""Lay out statements and items, up to the bodies that some of them have."""

from collections.abc import Callable, Iterable
from typing import Any

from revc.grammar import ast
from revc.grammar.layout import Doc, bracket, listed, text
from revc.grammar.print_expr import (
    addend,
    arguments,
    expression,
    generic_arguments,
    numerics_of,
    parameters,
    torch_of,
    type_of,
)

Statement = ast.Stmt | ast.Item


def heading(node: Statement) -> Doc:
    """Return a statement or an item; one with a body up to its `{`."""
    return _PRINTERS[node.kind](node)


def body_of(node: Statement) -> tuple[ast.Stmt, ...] | None:
    """Return the statements in the braces of `node`, None when it has no braces."""
    while isinstance(node, ast.Undo):
        node = node.statement
    return node.body if isinstance(node, ast.BlockDecl | ast.ModelDecl | ast.Repeat) else None


def _names(names: Iterable[ast.Name]) -> str:
    return ", ".join(name.id for name in names)


def _tags(node: ast.Scale | ast.Put | ast.Draw | ast.Valve) -> str:
    meter = f" as {node.meter}" if node.meter else ""
    return meter + (f" on {node.stack}" if node.stack else "")


def _by(word: str) -> Callable[[Any], Doc]:
    """Return a printer of `word target by value`."""
    return lambda node: text(f"{word} ", expression(node.target), " by ", expression(node.by))


def _scale(node: ast.Scale) -> Doc:
    bounds: tuple[str | Doc, ...] = ()
    if node.lo is not None and node.hi is not None:
        ends = [expression(node.lo), expression(node.hi)]
        bounds = (" in ", bracket("[]", ends, comma=False))
    factor = expression(node.factor)
    return text("scale ", expression(node.target), " by ", factor, *bounds, _tags(node))


def _moved(word: str, node: ast.Split | ast.Join, sides: str) -> Doc:
    axis = (" along ", expression(node.axis)) if node.axis else ()
    return text(f"{word} {sides}", *axis)


def _coded(node: ast.Put | ast.Draw) -> Doc:
    kind = (": ", type_of(node.type)) if node.type else ()
    target = text(f"{node.kind} {node.target.id}", *kind)
    return text(target, " by ", expression(node.by), _tags(node))


def _block_call(node: ast.BlockCall) -> Doc:
    label = f"{node.label}: " if node.label else ""
    name = f"{label}{'uncall ' if node.uncall else ''}{node.block}"
    return text(name, generic_arguments(node.generics), arguments(node.args))


def _repeat(node: ast.Repeat) -> Doc:
    words = " reversed" if node.reversed else ""
    words += f" as {node.index}" if node.index else ""
    label = f"{node.label}: " if node.label else ""
    return text(f"{label}repeat ", expression(node.count), words + (" share" if node.share else ""))


def _net(node: ast.NetDecl) -> Doc:
    shown = text(f"net {node.name}")
    if node.params is not None:
        shown = text(shown, parameters(node.params))
    if node.result is not None:
        shown = text(shown, " -> ", type_of(node.result))
    if node.separable:
        shown = text(shown, f" separable {', '.join(node.separable)}")
    return text(shown, " = ", expression(node.value)) if node.value is not None else shown


def _declared(node: ast.BlockDecl | ast.ModelDecl) -> Doc:
    shown = text(f"{node.kind} {node.name}")
    if isinstance(node, ast.BlockDecl) and node.generics:
        generics = [_valued(item.name, item.default) for item in node.generics]
        shown = text(shown, bracket("<>", generics))
    shown = text(shown, parameters(node.params))
    return shown if node.results is None else text(shown, " -> ", parameters(node.results))


def _valued(name: str, value: ast.Expr | None) -> Doc:
    return text(f"{name} = ", expression(value)) if value is not None else text(name)


def _budget(node: ast.BudgetDecl) -> Doc:
    targets = [text(target.id) for target in node.targets]
    shown = bracket("()", targets, comma=False) if node.meter else listed(targets)
    units = "/".join(["bits", *node.units])
    return text(f"budget {node.meter or ''}", shown, " <= ", expression(node.bound), f" {units}")


def _memory_budget(node: ast.MemoryBudget) -> Doc:
    return text("budget memory <= ", expression(node.bound), f" {node.unit}")


def _reservoir(node: ast.ReservoirDecl) -> Doc:
    shown = text(f"reservoir {node.name}")
    return text(shown, arguments(node.args)) if node.args else shown


def _signature(node: ast.SignatureDecl) -> Doc:
    shown = text(f"signature {node.name}", bracket("()", [_slot(slot) for slot in node.slots]))
    along = f" separable {', '.join(node.separable)}" if node.separable else ""
    chance = f" random {node.random}" if node.random else ""
    return text(shown, f" -> [{', '.join(node.result)}]{along}{chance} = ", torch_of(node.torch))


def _slot(slot: ast.Slot) -> Doc:
    many = ".." if slot.many else ""
    if slot.pattern is None:
        sort = " | ".join(slot.kinds)
    else:
        sort = f"{'label' if slot.label else ''}[{', '.join(slot.pattern)}]"
    return _valued(f"{slot.name}{many}: {sort}", slot.default)


_PRINTERS: dict[str, Callable[[Any], Doc]] = {
    "use": lambda n: text(f"use {n.module}: {_names(n.names)}"),
    "dim": lambda n: text("dim ", listed([_valued(e.name, e.value) for e in n.entries])),
    "state": lambda n: text("state ", numerics_of(n.numerics)),
    "net": _net,
    "block": _declared,
    "model": _declared,
    "budget": _budget,
    "memory_budget": _memory_budget,
    "reservoir": _reservoir,
    "tape": lambda n: text(f"tape {n.name}"),
    "bijection": lambda n: text(
        f"bijection {n.name} = ", torch_of(n.forward), f' inverse "{n.inverse}"'
    ),
    "signature": _signature,
    "update": lambda n: text(expression(n.target), f" {n.op} ", addend(n.value)),
    "simultaneous": lambda n: text(
        listed([expression(t) for t in n.targets]),
        " <- ",
        listed([expression(v) for v in n.values]),
    ),
    "residual": lambda n: text("residual ", expression(n.target), " by ", expression(n.net)),
    "negate": lambda n: text("negate ", expression(n.target)),
    "scale": _scale,
    "mix": _by("mix"),
    "apply": _by("apply"),
    "swap": lambda n: text(f"swap {n.left.id}, {n.right.id}"),
    "split": lambda n: _moved("split", n, f"{n.source.id} -> {_names(n.parts)}"),
    "join": lambda n: _moved("join", n, f"{_names(n.parts)} -> {n.target.id}"),
    "permute": lambda n: text(f"permute {n.target.id} by ", _order(n.order)),
    "reshape": lambda n: text(
        f"reshape {n.target.id} to ", bracket("[]", [expression(dim) for dim in n.dims])
    ),
    "squeeze": lambda n: text(f"squeeze {n.target.id} by ", expression(n.factor)),
    "alloc": lambda n: text(
        f"alloc {_names(n.names)}: ", type_of(n.type), " = ", expression(n.value)
    ),
    "free": lambda n: text(f"free {_names(n.names)} = ", expression(n.value)),
    "forget": lambda n: text(f"forget {_names(n.names)}"),
    "put": _coded,
    "draw": _coded,
    "valve": lambda n: text(_by("valve")(n), _tags(n)),
    "block_call": _block_call,
    "repeat": _repeat,
    "undo": lambda n: text("undo ", heading(n.statement)),
    "let": lambda n: text(f"let {n.name} = ", expression(n.value)),
    "emit": lambda n: text(f"emit {n.name} = ", expression(n.value)),
}


def _order(items: tuple[ast.Expr, ...]) -> Doc:
    shown = [expression(item) for item in items]
    return text("(", shown[0], ",)") if len(shown) == 1 else bracket("()", shown)
