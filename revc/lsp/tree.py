"""What nodes of the syntax tree are made of, and what statements make."""

from collections.abc import Iterator

from revc.grammar import ast


def parts(node: ast.Node) -> Iterator[object]:
    """Yield what a node says, without its places."""
    for name in node.fields:
        if not name.endswith("span"):
            yield getattr(node, name)


def made(node: ast.Stmt) -> tuple[ast.Name, ...]:
    """Return the names of the registers that a statement makes."""
    match node:
        case ast.Alloc():
            return node.names
        case ast.Split():
            return node.parts
        case ast.Join() | ast.Draw():
            return (node.target,)
    return ()
