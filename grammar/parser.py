"""Read `.rev` text into its syntax tree; bad text gives diagnostics, never an exception."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from revc.grammar import ast
from revc.grammar.comments import comments_of
from revc.grammar.diagnostics import Diagnostic, SpecError, syntax_error
from revc.grammar.reader import Reader
from revc.grammar.source import MAX_BYTES, read
from revc.grammar.span import Span

if TYPE_CHECKING:
    from revc.grammar.kept import Kept

__all__ = ["ParseResult", "parse", "parse_or_raise", "read"]


@dataclass(frozen=True, slots=True)
class ParseResult:
    """A file's syntax tree, as far as it could be read, and what is wrong with its syntax."""

    file: ast.File
    diagnostics: tuple[Diagnostic, ...]


def parse(text: str, file: str = "<string>", kept: "Kept | None" = None) -> ParseResult:
    """Parse `text`, which came from `file`; never raises on bad text.

    What was `kept` of an earlier text of the file is taken from there where it still stands.
    """
    if len(text) > MAX_BYTES:
        return _refused(file, f"the text is larger than {MAX_BYTES >> 20} MiB")
    if not text.strip():
        return _refused(file, "the text is empty: a spec declares a `block` or a `model`")
    reader = _reader(text, file, kept)
    reader.run()
    tree = reader.file.replace(comments=comments_of(text, file))
    return ParseResult(tree, tuple(reader.findings))


def _reader(text: str, file: str, kept: "Kept | None") -> Reader:
    if kept is None:
        return Reader(text, file)
    from revc.grammar.kept import KeepingReader  # for editors alone

    return KeepingReader(text, file, kept)


def _refused(file: str, message: str) -> ParseResult:
    at = Span(file, 1, 1, 1, 1)
    tree = ast.File(span=at, items=(), comments=())
    return ParseResult(tree, (syntax_error(message, at),))


def parse_or_raise(text: str, file: str = "<string>") -> ast.File:
    """Parse `text` and return its tree.

    Raises:
        SpecError: the syntax is wrong; carries every finding.
    """
    result = parse(text, file)
    if result.diagnostics:
        raise SpecError(result.diagnostics)
    return result.file
