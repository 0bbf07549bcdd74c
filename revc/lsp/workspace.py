"""The texts that an editor holds, and what the front door says of each."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from revc.grammar import ast
from revc.grammar.diagnostics import Diagnostic, SpecError
from revc.grammar.highlight import Piece, pieces
from revc.grammar.kept import Kept as Statements
from revc.grammar.lexer import Lexer, Token
from revc.grammar.parser import ParseResult, parse
from revc.grammar.source import MAX_BYTES, decode
from revc.grammar.span import Span
from revc.grammar.table import END
from revc.lsp.facts import Body, bodies, encloses
from revc.lsp.names import Names
from revc.lsp.positions import Lines
from revc.passes.analysis.proof import Proof
from revc.passes.checks import Checked
from revc.passes.elaborate.kept import Kept as Blocks
from revc.passes.loading import STD
from revc.passes.recursion_limit import recursion_limit
from revc.passes.sources import Sources, Text
from revc.passes.spec import Spec


@dataclass(frozen=True, eq=False)
class Document:
    """One text with what is known of it; all of it is worked out when it is asked for.

    `file` is the name that findings give it, `sources` where the files that it uses come from,
    `blocks` what was elaborated of the text before.
    """

    text: str
    file: str
    folder: Path | None
    sources: Sources
    blocks: Blocks | None = None

    @cached_property
    def lines(self) -> Lines:
        """The text's lines."""
        return Lines(self.text)

    @cached_property
    def spec(self) -> Spec | None:
        """The spec that the text is; None where it is no text that a spec could be."""
        return self._read if isinstance(self._read, Spec) else None

    @cached_property
    def findings(self) -> tuple[Diagnostic, ...]:
        """What `revc lint` finds, also in the files that are used."""
        if isinstance(self._read, SpecError):
            return self._read.diagnostics
        return self._read.findings

    @cached_property
    def checked(self) -> Checked | None:
        """The pass over the design; None where the text, or one that it uses, does not parse."""
        return self.spec.checked() if self.spec is not None else None

    @cached_property
    def proofs(self) -> Mapping[str, Proof]:
        """The proof of each block and model by its name."""
        return {proof.subject: proof for proof in self.spec.proofs} if self.spec else {}

    @cached_property
    def tokens(self) -> tuple[Token, ...]:
        """The tokens of the text, without the ends of statements."""
        lexer, found = Lexer(self._shown), []
        while (token := lexer.next()).type != END:
            if token.type != "_NL":
                found.append(token)
        return tuple(found)

    @cached_property
    def names(self) -> Names:
        """The names of the text, as far as it could be read."""
        nothing = ast.File(span=Span(self.file, 1, 1, 1, 1), items=(), comments=())
        with recursion_limit():
            return Names(self.spec.main.file if self.spec is not None else nothing, self.tokens)

    @cached_property
    def bodies(self) -> tuple[Body, ...]:
        """The blocks and models that have been understood to their end."""
        return bodies(self.checked) if self.checked is not None else ()

    def body_at(self, at: Span) -> Body | None:
        """Return the block or model that a place is in."""
        found = (one for one in self.bodies if encloses(one.built.decl.span, at))
        return next(found, None)

    @cached_property
    def pieces(self) -> tuple[Piece, ...]:
        """The tokens and comments, each with what it is."""
        return tuple(pieces(self._shown))

    @property
    def _shown(self) -> str:
        """The text that is looked at word by word: none, where it is too long to be a spec."""
        return self.text if len(self.text) <= MAX_BYTES else ""

    @cached_property
    def uses_files(self) -> bool:
        """Whether the text uses files: what other texts say then matters for it."""
        items = self.spec.main.file.items if self.spec is not None else ()
        return any(isinstance(item, ast.Use) and item.module != STD for item in items)

    @cached_property
    def _read(self) -> Spec | SpecError:
        try:
            text = decode(self.text.encode("utf-8", "surrogatepass"), self.file)
            source = Text(text, self.file, self.folder)
            return Spec(source, sources=self.sources, kept=self.blocks)
        except SpecError as error:
            return error


class Reading(Sources):
    """The texts that are open, before those on the disk; what was read of them is kept."""

    def __init__(self, buffers: Mapping[str | Path, str], kept: "dict[str, _Kept]") -> None:
        super().__init__(buffers)
        self._kept = kept

    def parse(self, text: str, file: str) -> ParseResult:
        """Return what a text says, from what earlier texts of the file said where that holds."""
        kept = self._kept.setdefault(file, _Kept())
        if kept.result is None or kept.text != text:
            kept.text, kept.result = text, parse(text, file, kept.statements)
        return kept.result


@dataclass
class _Kept:
    """What is kept of a file: its last text and what that says, its statements, its blocks."""

    text: str = ""
    result: ParseResult | None = None
    statements: Statements = field(default_factory=Statements)
    blocks: Blocks = field(default_factory=Blocks)


class Workspace:
    """The texts that are open, by their names.

    A name is a path, or anything else for a text that is no file yet; such a text finds no files
    beside it.
    """

    def __init__(self) -> None:
        self._texts: dict[str, str] = {}
        self._documents: dict[str, Document] = {}
        self._kept: dict[str, _Kept] = {}

    def open(self, file: str, text: str) -> Document:
        """Take a text, or a new version of it, and return the document that it is now."""
        self._texts[file] = text
        self._documents.pop(file, None)
        self._forget_users()
        return self.document(file)

    def close(self, file: str) -> None:
        """Forget a text: what is on the disk holds again."""
        self._texts.pop(file, None)
        self._documents.pop(file, None)
        self._kept.pop(file, None)
        self._forget_users()

    def users(self) -> tuple[str, ...]:
        """Return the names of the open texts that use files, which any change may concern."""
        return tuple(file for file in self._texts if self.document(file).uses_files)

    def _forget_users(self) -> None:
        """Forget what is known of the texts that use other files."""
        for file in [one for one, document in self._documents.items() if document.uses_files]:
            del self._documents[file]

    def opened(self) -> tuple[str, ...]:
        """Return the names of the texts that are open."""
        return tuple(self._texts)

    def document(self, file: str) -> Document:
        """Return what is known of an open text.

        Raises:
            KeyError: it is not open.
        """
        if file not in self._documents:
            folder = Path(file).parent if is_path(file) else None
            kept = self._kept.setdefault(file, _Kept())
            text, sources = self._texts[file], self.sources()
            self._documents[file] = Document(text, file, folder, sources, kept.blocks)
        return self._documents[file]

    def sources(self) -> Sources:
        """Return the texts that are open, before those on the disk."""
        buffers: dict[str | Path, str] = {
            Path(file): text for file, text in self._texts.items() if is_path(file)
        }
        return Reading(buffers, self._kept)

    def text(self, file: str) -> str:
        """Return the text of a file, open or on the disk.

        Raises:
            SpecError: it cannot be read.
        """
        return self._texts[file] if file in self._texts else self.sources().text(Path(file))


def is_path(file: str) -> bool:
    """Say whether a text's name is a path, and not that of a text which is no file yet."""
    return Path(file).is_absolute()
