"""Which files a command means: paths, folders with specs below them, globs, and `-`."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from revc.grammar.source import decode
from revc.passes.sources import Text

STDIN = "-"


def expanded(paths: Iterable[str], exclude: Sequence[str] = ()) -> list[str]:
    """Return the files that `paths` mean, each once.

    A folder means all `.rev` files below it but those in hidden folders, and a pattern the files
    that match it (`**` goes down), both in the order of their names, without those that a pattern
    of `exclude` means: a file's name, or a folder's above it. What means no file stays as it is:
    reading it says what is wrong.
    """
    return list(dict.fromkeys(file for path in paths for file in _files(path, exclude)))


def _files(path: str, exclude: Sequence[str]) -> Iterator[str]:
    if path != STDIN and not Path(path).is_file():
        found = _below(Path(path)) if Path(path).is_dir() else _matching(path)
        if found:
            yield from (file for file in found if not _is_left_out(Path(file), exclude))
            return
    yield path


def _is_left_out(file: Path, exclude: Sequence[str]) -> bool:
    return any(part.match(pattern) for pattern in exclude for part in (file, *file.parents))


def _below(folder: Path) -> list[str]:
    inside = ((path.relative_to(folder), path) for path in folder.rglob("*.rev"))
    seen = (path for part, path in inside if not any(one.startswith(".") for one in part.parts))
    return sorted(str(path) for path in seen if path.is_file())


def _matching(pattern: str) -> list[str]:
    if not any(mark in pattern for mark in "*?["):
        return []
    from glob import glob  # shells expand patterns as a rule

    return sorted(glob(pattern, recursive=True))


def source(path: str) -> Path | Text:
    """Return what a spec is read from: the path, or the text that stands in for ``-``.

    Raises:
        SpecError: standard input holds no text.
    """
    if path != STDIN:
        return Path(path)
    name = "<stdin>"
    return Text(decode(sys.stdin.buffer.read(), name), name, Path())
