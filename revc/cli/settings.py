"""`[tool.revc]` of a project's `pyproject.toml`: what `revc lint` does if no option says it.

It is looked for in the working folder and in those above it; the first file with such a table
counts.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from revc.errors import RevcError
from revc.passes.lint import Selection
from revc.passes.rules.base import hint

TABLE = "tool.revc"
NAME = "pyproject.toml"
LISTS = ("select", "ignore", "deny", "exclude")


class SettingsError(RevcError):
    """A setting in `pyproject.toml` is wrong; the message begins with the place."""


@dataclass(frozen=True)
class Settings:
    """The table: selectors, sizes of those dims that a spec has, and patterns of files left out.

    Patterns are those of `Path.match`, from the file's folder on.
    """

    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    dims: Mapping[str, int] = field(default_factory=dict)


def found(start: Path | None = None) -> Settings | None:
    """Return the settings that hold in a folder, None if there are none.

    Raises:
        SettingsError: one is unknown, or of the wrong sort.
    """
    folder = (start or Path.cwd()).resolve()
    for above in (folder, *folder.parents):
        path = above / NAME
        if path.is_file() and TABLE in (text := _text(path)):
            table = _table(path, text)
            if table is not None:
                return _settings(_File(path, text), table)
    return None


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: cannot be read: {error}") from error


def _table(path: Path, text: str) -> dict[str, Any] | None:
    import tomllib

    try:
        tool = tomllib.loads(text).get("tool", {})
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path}: {error}") from error
    known = tool.get("revc") if isinstance(tool, dict) else None
    return known if isinstance(known, dict) else None


@dataclass(frozen=True)
class _File:
    path: Path
    text: str

    def wrong(self, key: str, message: str) -> SettingsError:
        """Return the error about a key, with the line that it stands on."""
        rows = self.text.split("\n")
        heads = (n for n, row in enumerate(rows) if re.match(r"\s*\[+\s*tool\.revc\b", row))
        begin = next(heads, 0)
        pattern = rf'(?:^|[{{,])\s*["\']?{re.escape(key)}["\']?\s*='
        inside = (n for n in range(begin, len(rows)) if re.search(pattern, rows[n]))
        return SettingsError(f"{self.path}:{next(inside, begin) + 1}: {message}")


def _settings(file: _File, table: Mapping[str, Any]) -> Settings:
    for key in table:
        if key not in (*LISTS, "dims"):
            raise file.wrong(key, f"no setting `{key}`{hint(key, (*LISTS, 'dims'))}")
    lists = {key: _strings(file, key, table[key]) for key in LISTS if key in table}
    made = Settings(**lists, dims=_sizes(file, table.get("dims", {})))
    wrong = Selection(made.select, made.ignore, made.deny).unknown()
    if wrong is not None:
        key = next(key for key in LISTS if wrong in getattr(made, key))
        raise file.wrong(key, f"`{key}` has no rule and no level {wrong!r}")
    return made


def _strings(file: _File, key: str, value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise file.wrong(key, f"`{key}` is a list of strings")
    return tuple(value)


def _sizes(file: _File, value: object) -> dict[str, int]:
    if not isinstance(value, dict):
        raise file.wrong("dims", "`dims` is a table of sizes, as dims = {d = 768}")
    for name, size in value.items():
        if type(size) is not int or size < 0:
            raise file.wrong(name, f"dim `{name}` is a whole number of at least 0")
    return dict(value)
