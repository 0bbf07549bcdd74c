"""Read `.rev` text into its syntax tree; bad text gives diagnostics, never an exception."""

from dataclasses import dataclass

from revc.grammar import ast
from revc.grammar.comments import comments_of
from revc.grammar.diagnostics import Diagnostic, SpecError, syntax_error
from revc.grammar.engine import Engine
from revc.grammar.lexer import Lexer
from revc.grammar.source import read
from revc.grammar.span import Span
from revc.grammar.table import END

__all__ = ["ParseResult", "parse", "parse_or_raise", "read"]


@dataclass(frozen=True, slots=True)
class ParseResult:
    """A file's syntax tree, as far as it could be read, and what is wrong with its syntax."""

    file: ast.File
    diagnostics: tuple[Diagnostic, ...]


def parse(text: str, file: str = "<string>") -> ParseResult:
    """Parse `text`, which came from `file`; never raises on bad text."""
    lexer, engine = Lexer(text), Engine(file)
    while True:
        token = lexer.next()
        kind = engine.kind(token)
        if not engine.push(kind, token):
            at = Span(file, token.line, token.column, token.line, token.end_column)
            bad = syntax_error(f"unexpected {token.text!r}", at)
            empty = ast.File.model_construct(span=at, items=(), comments=())
            return ParseResult(empty, (bad,))
        if kind == END:
            break
    tree = engine.result.model_copy(update={"comments": comments_of(text, file)})
    return ParseResult(tree, ())


def parse_or_raise(text: str, file: str = "<string>") -> ast.File:
    """Parse `text` and return its tree.

    Raises:
        SpecError: the syntax is wrong; carries every finding.
    """
    result = parse(text, file)
    if result.diagnostics:
        raise SpecError(result.diagnostics)
    return result.file
