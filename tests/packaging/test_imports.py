"""Which modules may import which, where an import contract cannot say it."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import resolve_name
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BITS = sorted((ROOT / "runtime" / "bits").rglob("*.py"))


def imported(source: str, package: str) -> Iterator[str]:
    """Yield the full names that a module of ``package`` imports, wherever the import stands."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield resolve_name("." * node.level + (node.module or ""), package)


@pytest.mark.parametrize("path", BITS, ids=lambda p: str(p.relative_to(ROOT)))
def test_the_coder_knows_only_itself_and_the_errors(path: Path) -> None:
    package = ".".join(("revc", *path.relative_to(ROOT).parent.parts))
    names = imported(path.read_text(), package)
    ours = [name for name in names if name.split(".")[0] == "revc"]
    allowed = ("revc.errors", "revc.runtime.bits")
    assert [n for n in ours if not n.startswith(allowed)] == []


@pytest.mark.parametrize("name", ["revc", "revc.errors", "revc.grammar", "revc.ir", "revc.passes"])
def test_the_front_end_starts_without_torch(name: str) -> None:
    code = f"import sys, {name}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
