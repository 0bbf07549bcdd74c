"""``--emit ast``: the syntax tree as an indented outline, every node with its place."""

from typing import Any

from revc.grammar import ast

INDENT = "  "


def tree_text(file: ast.File) -> str:
    """Return the tree, a line for each node: its kind, its plain fields and ``line:column``."""
    return "\n".join(_node(file, "", 0)) + "\n"


def _node(node: ast.Node, label: str, depth: int) -> list[str]:
    plain: list[str] = []
    below: list[str] = []
    for name in node.fields:
        value = getattr(node, name)
        if name.endswith("span") or _is_kind(node, name):
            continue
        if isinstance(value, ast.Node):
            below += _node(value, name, depth + 1)
        elif isinstance(value, tuple) and any(isinstance(item, ast.Node) for item in value):
            below += _list(value, name, depth + 1)
        elif value is not None and value is not False and value != ():
            plain.append(f"{name}={_plain(value)}")
    head = " ".join([type(node).__name__, *plain])
    named = f"{label}: " if label else ""
    at = f"{node.span.line}:{node.span.column}"
    return [f"{INDENT * depth}{named}{head} @{at}", *below]


def _list(nodes: tuple[Any, ...], name: str, depth: int) -> list[str]:
    lines = [f"{INDENT * depth}{name}"]
    for node in nodes:
        lines += _node(node, "", depth + 1)
    return lines


def _is_kind(node: ast.Node, name: str) -> bool:
    """Say whether a field is the node's kind and says no more than its class does."""
    return name == "kind" and not isinstance(node, ast.Numerics)


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
