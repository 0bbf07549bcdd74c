"""Imports go in circles only where a recursion over a tree does, and those places are named."""

from pathlib import Path

import networkx as nx
import pytest

from tests.packaging.test_imports import imported

ROOT = Path(__file__).resolve().parents[2]
ARCHITECTURE = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
NETS = "passes.elaborate.nets"
CIRCLES = {
    "passes": [
        {
            "passes.elaborate.expressions",
            f"{NETS}.calls",
            f"{NETS}.declarations",
            f"{NETS}.lookup",
            f"{NETS}.settings",
        }
    ]
}


def circles(folder: str) -> list[set[str]]:
    """Return the sets of modules of a folder that import each other, wherever the imports stand."""
    paths = sorted((ROOT / folder).rglob("*.py"))
    names = {".".join(path.relative_to(ROOT).with_suffix("").parts): path for path in paths}
    graph = nx.DiGraph()
    for name, path in names.items():
        package = "revc." + name.rpartition(".")[0]
        for other in imported(path.read_text(encoding="utf-8"), package):
            if other.removeprefix("revc.") in names:
                graph.add_edge(name, other.removeprefix("revc."))
    return [found for found in nx.strongly_connected_components(graph) if len(found) > 1]


@pytest.mark.parametrize("folder", CIRCLES)
def test_circles_are_the_ones_that_are_known(folder: str) -> None:
    assert circles(folder) == CIRCLES[folder]


def test_the_documentation_names_them() -> None:
    for found in CIRCLES.values():
        for circle in found:
            for name in circle:
                assert f"`{name.rpartition('.')[2]}`" in ARCHITECTURE
