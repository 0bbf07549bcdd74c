"""Print syntax trees as source, in the one form that `revc fmt` keeps to.

What is printed parses to the same tree. Comments are no part of it: see format.py.
"""

from collections.abc import Callable, Sequence

from revc.grammar import ast
from revc.grammar.layout import REV, lay_out
from revc.grammar.print_expr import expression
from revc.grammar.print_stmt import Statement, body_of, heading

__all__ = ["one_line", "print_expr", "print_file", "print_stmt"]


def print_expr(expr: ast.Expr) -> str:
    """Return `expr` on one line."""
    return expression(expr).flat


Above = Callable[[Statement], Sequence[str]]
"""The comments that are printed above a statement or an item, each on its own line."""


def _nothing(_: Statement) -> Sequence[str]:
    return ()


def print_file(file: ast.File, above: Above = _nothing) -> str:
    """Return `file` as source, without its comments but those that `above` says.

    Empty lines set apart what belongs apart.
    """
    lines: list[str] = []
    last = ""
    for item in file.items:
        group = _group(item)
        if last and (group != last or body_of(item) is not None):
            lines.append("")
        lines += [*above(item), print_stmt(item, 0, above)]
        last = group
    return "".join(f"{line}\n" for line in lines)


def print_stmt(node: Statement, indent: int = 0, above: Above = _nothing) -> str:
    """Return a statement or an item as it stands behind `indent` columns, without a line's end."""
    head = lay_out(heading(node), indent)
    body = body_of(node)
    if body is None:
        return head
    if not any(above(stmt) for stmt in body) and (short := one_line(node, indent)):
        return short
    inner = indent + len(REV.step)
    lines = [
        " " * inner + line
        for stmt in body
        for line in (*above(stmt), print_stmt(stmt, inner, above))
    ]
    return "\n".join([f"{head} {{", *lines, f"{' ' * indent}}}"])


def one_line(node: Statement, indent: int) -> str | None:
    """Return a statement with its body on its line: one that is empty, or a loop's of one line."""
    body = body_of(node)
    if body == ():
        return f"{lay_out(heading(node), indent)} {{ }}"
    loop = node
    while isinstance(loop, ast.Undo):
        loop = loop.statement
    if body is None or len(body) > 1 or not isinstance(loop, ast.Repeat):
        return None
    if body_of(body[0]) is not None:
        return None
    short = f"{heading(node).flat} {{ {heading(body[0]).flat} }}"
    return short if indent + len(short) <= REV.width else None


def _group(item: ast.Item) -> str:
    return "sizes" if isinstance(item, ast.DimDecl | ast.StateDecl) else item.kind
