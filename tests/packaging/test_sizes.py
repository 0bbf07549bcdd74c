"""Files stay small; the one that does not is named here."""

from pathlib import Path

import pytest

from tests.packaging.test_packages import folders_in_tree

ROOT = Path(__file__).resolve().parents[2]
MOST = 300
# One class a node of the syntax tree, which is read as a whole.
LONGER = {ROOT / "grammar" / "ast.py"}


def sources() -> list[Path]:
    """Return the Python files of the package, once each, and of what stands beside it."""
    folders = [path.resolve() for path in folders_in_tree().values()]
    package = [path for folder in folders for path in folder.glob("*.py")]
    beside = [ROOT / name for name in ("tests", "benchmarks", "examples")]
    return sorted({*package, *(path for folder in beside for path in folder.rglob("*.py"))})


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_has_at_most_300_lines(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").count("\n")
    assert (lines > MOST) == (path in LONGER)
