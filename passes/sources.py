"""Where the texts of specs come from: the disk, or buffers that an editor holds of files."""

from collections.abc import Mapping
from dataclasses import dataclass
from os.path import isfile
from pathlib import Path

from revc.grammar.parser import ParseResult, parse
from revc.grammar.source import read


@dataclass(frozen=True)
class Text:
    """A text with the name that findings give its file, and the folder that its `use` looks in."""

    text: str
    file: str
    folder: Path | None = None


class Sources:
    """Texts by path. What an editor has not saved yet comes before what the disk holds."""

    def __init__(self, buffers: Mapping[str | Path, str] | None = None) -> None:
        """Take the texts of some files; they need not be on the disk."""
        self._buffers = {Path(path).resolve(): text for path, text in (buffers or {}).items()}

    def main(self, source: str | Path | Text) -> Text:
        """Return the text of a spec: `source` is its path, or the text itself.

        A string is a text if it has a newline, or a brace and no file has this name; a `Path`
        never is.

        Raises:
            SpecError: the file cannot be read.
        """
        if isinstance(source, Text):
            return source
        if isinstance(source, str) and is_text(source):
            return Text(source, "<string>")
        path = Path(source)
        return Text(self.text(path), str(source), path.parent)

    def text(self, path: Path) -> str:
        """Return the text of the file at `path`.

        Raises:
            SpecError: it is in no buffer, and cannot be read from the disk.
        """
        held = self._buffers.get(path.resolve()) if self._buffers else None
        return read(path) if held is None else held

    def parse(self, text: str, file: str) -> ParseResult:
        """Return what a text that came from `file` says."""
        return parse(text, file)

    def has(self, path: Path) -> bool:
        """Say whether there is a file at `path`."""
        return path.is_file() or (bool(self._buffers) and path.resolve() in self._buffers)

    def specs(self, folder: Path) -> set[str]:
        """Return the names that `use` could give to the specs of a folder."""
        found = [*folder.glob("*.rev"), *(p for p in self._buffers if p.parent == folder.resolve())]
        return {path.stem for path in found if path.suffix == ".rev"}


DISK = Sources()


def is_text(source: str) -> bool:
    """Say whether a string is a spec's text: it has a newline, or a brace and names no file."""
    return "\n" in source or ("{" in source and not isfile(source))
