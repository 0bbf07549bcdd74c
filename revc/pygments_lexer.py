"""A Pygments lexer for `.rev`, by the compiler's own lexer and table; known as ``rev``."""

from collections.abc import Iterator
from typing import Any

from pygments.lexer import Lexer
from pygments.token import (
    Comment,
    Error,
    Keyword,
    Name,
    Number,
    Operator,
    Punctuation,
    String,
    Whitespace,
)

from revc.grammar.highlight import Kind, Piece, pieces

KINDS: dict[Kind, Any] = {
    "keyword": Keyword,
    "type": Keyword.Type,
    "number": Number,
    "string": String,
    "operator": Operator,
    "punctuation": Punctuation,
    "comment": Comment.Single,
    "namespace": Name.Namespace,
    "class": Name.Class,
    "function": Name.Function,
    "parameter": Name.Attribute,
    "variable": Name,
    "error": Error,
}


class RevLexer(Lexer):
    """Tokens of `.rev` specs; the texts of a spec's tokens, joined, are the spec."""

    name = "revc"
    aliases = ["rev", "revc"]  # noqa: RUF012 - Pygments' own way
    filenames = ["*.rev"]  # noqa: RUF012
    mimetypes = ["text/x-rev"]  # noqa: RUF012

    def get_tokens_unprocessed(self, text: str) -> Iterator[tuple[int, Any, str]]:
        """Yield each token with where it starts and its kind; what is between them is space."""
        done = 0
        for at, piece in _placed(text):
            if at > done:
                yield done, Whitespace, text[done:at]
            yield at, KINDS[piece.kind], piece.text
            done = at + len(piece.text)
        if done < len(text):
            yield done, Whitespace, text[done:]


def _placed(text: str) -> Iterator[tuple[int, Piece]]:
    """Yield the tokens of a text with where they start in it."""
    line, start = 1, 0
    for piece in pieces(text):
        while line < piece.line:
            start = text.index("\n", start) + 1
            line += 1
        yield start + piece.column - 1, piece
