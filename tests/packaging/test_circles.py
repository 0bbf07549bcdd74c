"""Imports go in circles only where a recursion over a tree does, and those places are named."""

import ast
from collections.abc import Iterator
from importlib.util import resolve_name
from pathlib import Path

import networkx as nx

from tests.packaging.test_packages import folders_in_tree

ROOT = Path(__file__).resolve().parents[2]
ARCHITECTURE = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
NETS = "revc.passes.elaborate.nets"
CIRCLES = [
    {
        "revc.passes.elaborate.expressions",
        f"{NETS}.calls",
        f"{NETS}.declarations",
        f"{NETS}.lookup",
        f"{NETS}.settings",
    }
]


def modules() -> dict[str, Path]:
    """Return the tree's modules by name, but for the root, which imports what it is asked for."""
    found = {}
    for package, folder in folders_in_tree().items():
        for path in folder.glob("*.py"):
            found[package if path.stem == "__init__" else f"{package}.{path.stem}"] = path
    del found["revc"]
    return found


def run_time(tree: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes of a module, without what type checkers alone see."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            waiting += node.orelse
        else:
            waiting += ast.iter_child_nodes(node)


def imports(source: str, package: str, known: set[str]) -> set[str]:
    """Return which of the known modules a module of ``package`` imports, wherever that stands."""
    found = set()
    for node in run_time(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            origin = resolve_name("." * node.level + (node.module or ""), package)
            names = {f"{origin}.{alias.name}" for alias in node.names}
            found |= names if names <= known else names | {origin}
    return found & known


def circles(sources: dict[str, tuple[str, str]]) -> list[set[str]]:
    """Return the sets of modules that import each other; `sources` has packages and texts."""
    graph = nx.DiGraph()
    for name, (package, text) in sources.items():
        graph.add_edges_from((name, other) for other in imports(text, package, set(sources)))
    found = nx.strongly_connected_components(graph)
    return [one for one in found if len(one) > 1]


def test_circles_are_the_ones_that_are_known() -> None:
    sources = {}
    for name, path in modules().items():
        package = name if path.stem == "__init__" else name.rpartition(".")[0]
        sources[name] = (package, path.read_text(encoding="utf-8"))
    assert circles(sources) == CIRCLES


def test_every_way_to_import_makes_a_circle_and_typing_alone_does_not() -> None:
    late = "def f():\n    from revc.p.b import x"
    typing = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import revc.p.b"
    back = "import revc.p.a"
    for text in ("import revc.p.b", "from revc.p import b", "from . import b", late):
        assert circles({"revc.p.a": ("revc.p", text), "revc.p.b": ("revc.p", back)})
    assert not circles({"revc.p.a": ("revc.p", typing), "revc.p.b": ("revc.p", back)})


def test_the_documentation_names_them() -> None:
    for circle in CIRCLES:
        for name in circle:
            assert f"`{name.rpartition('.')[2]}`" in ARCHITECTURE
