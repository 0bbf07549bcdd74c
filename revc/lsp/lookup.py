"""Where a name is declared, everywhere it stands, and the edits that give it another."""

from collections.abc import Iterable
from dataclasses import replace
from functools import cache
from pathlib import Path

import revc.grammar
from revc.errors import BindError
from revc.grammar import ast
from revc.grammar.diagnostics import SpecError
from revc.grammar.parser import parse
from revc.grammar.span import Span
from revc.grammar.table import table
from revc.lsp.symbols import Symbol
from revc.lsp.workspace import Document
from revc.passes.loading import STD

BUILTIN = Path(revc.grammar.__file__).parent.resolve() / "std" / "nets.rev"


def definition(document: Document, line: int, column: int) -> Span | None:
    """Return where the name at a place is declared, in whichever file; None if nothing is known."""
    found = document.names.at(line, column)
    if found is None:
        return _module(document, line, column)
    symbol, at = found
    if symbol.module is None:
        return symbol.definition(at)
    return _declared(document, symbol) or symbol.definition(at)


def references(document: Document, line: int, column: int) -> tuple[Span, ...]:
    """Return every place of the file at which the same thing is named, in its order."""
    found = document.names.at(line, column)
    return _places(found[0]) if found is not None else ()


def renamed(document: Document, line: int, column: int, name: str) -> tuple[Span, ...]:
    """Return what must be replaced for the thing at a place to be called `name`.

    Raises:
        BindError: there is no name there, the file does not say what it is called, or `name` is no
            name that it could have.
    """
    found = document.names.at(line, column)
    if found is None:
        raise BindError("there is no name here that is known")
    symbol = found[0]
    if symbol.module is not None:
        raise BindError(f"`{symbol.name}` is declared in `{symbol.module}`: it is renamed there")
    if not (name.isascii() and name.isidentifier()) or name in table().reserved:
        raise BindError(f"`{name}` is no name")
    places = _places(symbol)
    if _things(replace(document, text=_with(document.text, places, name), blocks=None)) != _things(
        document
    ):
        raise BindError(f"`{name}` is the name of something else here")
    return places


def _with(text: str, places: Iterable[Span], name: str) -> str:
    """Return a text with a name at these places, which are in its order."""
    lines = text.split("\n")
    for at in reversed(tuple(places)):
        row = lines[at.line - 1]
        lines[at.line - 1] = row[: at.column - 1] + name + row[at.end_column - 1 :]
    return "\n".join(lines)


def _things(document: Document) -> set[frozenset[int]]:
    """Return, for each thing with a name, which tokens name it: a new name changes none of that."""
    number = {(token.line, token.column): at for at, token in enumerate(document.tokens)}
    return {
        frozenset(number[span.line, span.column] for span in symbol.spans)
        for symbol in document.names.symbols
    }


def _places(symbol: Symbol) -> tuple[Span, ...]:
    return tuple(sorted(set(symbol.spans), key=lambda span: (span.line, span.column)))


def _declared(document: Document, symbol: Symbol) -> Span | None:
    """Return where another file declares what this one imports."""
    if symbol.module == STD:
        return _builtin(symbol.name)
    found = _module_file(document, symbol.module or "")
    return _in_file(document, found, symbol.name) if found is not None else None


@cache
def _builtin(name: str) -> Span | None:
    """Return where a built-in net is declared."""
    return _in_text(BUILTIN.read_text(encoding="utf-8"), str(BUILTIN), name)


def _module(document: Document, line: int, column: int) -> Span | None:
    """Return the start of the file that a `use` names, if a place is in that name."""
    spec = document.spec
    for item in spec.main.file.items if spec is not None else ():
        if isinstance(item, ast.Use) and item.span.line <= line <= item.span.end_line:
            if (line, column) > (item.names[0].span.line, item.names[0].span.column):
                return None
            path = BUILTIN if item.module == STD else _module_file(document, item.module)
            return Span(str(path), 1, 1, 1, 1) if path is not None else None
    return None


def _module_file(document: Document, module: str) -> Path | None:
    """Return the file that was read for ``use module``."""
    loaded = document.spec.modules if document.spec is not None else ()
    return next((Path(m.file.span.file) for m in loaded if m.prefix == f"{module}."), None)


def _in_file(document: Document, path: Path, name: str) -> Span | None:
    try:
        return _in_text(document.sources.text(path), str(path), name)
    except SpecError:
        return None


def _in_text(text: str, file: str, name: str) -> Span | None:
    for item in parse(text, file).file.items:
        if getattr(item, "name", None) == name:
            at = getattr(item, "name_span", item.span)
            assert isinstance(at, Span)
            return at
    return None
