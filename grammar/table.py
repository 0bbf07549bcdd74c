"""The parser's table: made from rev.lark by Lark, then read back from a cache without Lark.

Lark takes 0.4 s to import and to build the table; reading the table back takes a few ms. The cache
is JSON in the user's own cache folder, named by a digest of the grammar, of this file and of the
Python version, so that no other grammar's table can be taken for it. Where the folder cannot be
written, the table is built each time.
"""

import hashlib
import json
import os
import sys
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

END = "$END"
_HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Rule:
    """How to reduce: take `size` values, keep some of them, hand them to action `name`.

    `keep` has one entry a kept value: its index, whether it is a list to splice, and how many
    absent optional parts come before it; `nones` counts those behind the last. A rule with
    ``passes`` hands on its only value unchanged.
    """

    origin: str
    name: str
    size: int
    keep: tuple[tuple[int, bool, int], ...]
    nones: int
    splice: bool
    passes: bool


@dataclass(frozen=True, slots=True)
class Table:
    """An LALR(1) table and the terminals that it reads.

    `actions[state][symbol]` is a state to go to when it is 0 or more, else rule ``-1 - action``.
    `kernels[state]` names the rules of which a part was read there, and a part is still to come.
    """

    actions: tuple[dict[str, int], ...]
    rules: tuple[Rule, ...]
    end: int
    kernels: tuple[tuple[str, ...], ...]
    patterns: dict[str, str]
    marks: dict[str, str]
    words: dict[str, str]
    reserved: frozenset[str]


@cache
def table() -> Table:
    """Return the table of this version's grammar, from the cache where that is possible."""
    path = _cache_path()
    try:
        return _from_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, KeyError, TypeError):
        made = _build()
        _write(path, json.dumps(_to_json(made), separators=(",", ":")))
        return made


def grammar_text() -> str:
    """Return the text of rev.lark."""
    return (_HERE / "rev.lark").read_text(encoding="utf-8")


def _build() -> Table:
    from revc.grammar.table_build import build

    return build(grammar_text())


def _cache_path() -> Path:
    digest = hashlib.blake2b(sys.version.encode(), digest_size=12)
    for name in ("rev.lark", "table.py", "table_build.py"):
        digest.update((_HERE / name).read_bytes())
    root = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    if not os.path.isabs(root):  # no home: nowhere to write, rather than wherever this runs
        root = os.devnull
    return Path(root) / "revc" / f"table-{digest.hexdigest()}.json"


def _write(path: Path, text: str) -> None:
    """Put `text` at `path` at once or not at all; a folder that cannot be written is no error."""
    import tempfile  # not needed where the cache has the table

    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, suffix=".tmp")
    except OSError:
        return
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(name, path)
    except OSError:
        Path(name).unlink(missing_ok=True)


def _to_json(made: Table) -> dict[str, Any]:
    return asdict(made) | {"reserved": sorted(made.reserved)}


def _from_json(text: str) -> Table:
    raw = json.loads(text)
    rules = (dict(r, keep=tuple(map(tuple, r["keep"]))) for r in raw["rules"])
    return Table(
        actions=tuple(raw["actions"]),
        rules=tuple(Rule(**rule) for rule in rules),
        end=raw["end"],
        kernels=tuple(map(tuple, raw["kernels"])),
        patterns=raw["patterns"],
        marks=raw["marks"],
        words=raw["words"],
        reserved=frozenset(raw["reserved"]),
    )
