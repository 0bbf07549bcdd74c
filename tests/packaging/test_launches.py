"""Every kernel of ours is launched on the card of its data, whichever card is the current one.

And says that products and sums are not fused: a fused step rounds once, and what Triton does where
nothing is said changes between its releases, which warn of it.
"""

import ast
from pathlib import Path

import pytest

RUNTIME = Path(__file__).resolve().parents[2] / "runtime"
FILES = [path for path in sorted(RUNTIME.rglob("*.py")) if "import triton" in path.read_text()]


def launches(tree: ast.AST, guarded: bool = False) -> list[tuple[int, bool]]:
    """Return the lines of ``kernel[grid](..)``, and whether each is within ``device_of``."""
    found = []
    if isinstance(tree, ast.Call) and isinstance(tree.func, ast.Subscript):
        found.append((tree.lineno, guarded))
    if isinstance(tree, ast.With):
        guarded |= any("device_of" in ast.unparse(item.context_expr) for item in tree.items)
    for child in ast.iter_child_nodes(tree):
        found += launches(child, guarded)
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(RUNTIME)))
def test_launches_are_guarded(path: Path) -> None:
    assert all(guarded for _, guarded in launches(ast.parse(path.read_text())))


def fused(tree: ast.AST) -> list[int]:
    """Return the lines of launches that leave it to Triton whether it fuses."""
    calls = (n for n in ast.walk(tree) if isinstance(n, ast.Call))
    own = (n for n in calls if isinstance(n.func, ast.Subscript))
    return [n.lineno for n in own if "enable_fp_fusion=False" not in ast.unparse(n)]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(RUNTIME)))
def test_launches_fuse_nothing(path: Path) -> None:
    assert not fused(ast.parse(path.read_text()))


def test_there_are_launches() -> None:
    found = [launches(ast.parse(path.read_text())) for path in FILES]
    assert sum(len(lines) for lines in found) >= 5
    assert launches(ast.parse("with torch.cuda.device_of(x):\n    k[(1,)](x)")) == [(2, True)]
    assert launches(ast.parse("k[(1,)](x)")) == [(1, False)]
    assert fused(ast.parse("k[(1,)](x)\nk[(1,)](x, enable_fp_fusion=False)")) == [1]
