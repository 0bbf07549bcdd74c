"""The specs that come with revc, and how tests put a statement or an item into a file."""

from pathlib import Path

import revc

ROOT = Path(revc.__file__).parent
SPECS = sorted((ROOT / "specs").glob("*.rev"))
FILES = [*SPECS, ROOT / "grammar" / "std" / "nets.rev"]


def in_body(statement: str) -> str:
    """Return a file with a block that holds `statement` and one more."""
    return f"block A(a: [B]) {{\n  {statement}\n  swap a, b\n}}\n"
