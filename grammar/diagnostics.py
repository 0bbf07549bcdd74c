"""What the tools say of a spec: diagnostics with a code, a level and a place, and their errors."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from revc.errors import RevcError
from revc.grammar.span import Span

Level = Literal["deny", "warn", "allow"]


@dataclass(frozen=True, slots=True)
class Edit:
    """`new` in the place of `old`, which stands at `span`."""

    span: Span
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Fix:
    """A repair that a tool can make; a `safe` one cannot change what a spec means."""

    edits: tuple[Edit, ...]
    safe: bool = False


def renamed(span: Span, name: str, better: str | None) -> Fix | None:
    """Return the repair that puts `better` for the name at the start of `span`; None for none."""
    at = Span(span.file, span.line, span.column, span.line, span.column + len(name))
    return None if better is None else Fix((Edit(at, name, better),))


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One finding: its rule, where it is, and one sentence that says what is wrong.

    `notes` say more of it, `helps` how to repair it, `fix` is a repair that a tool can make, and
    `witness` is inputs that show it, where some were found. `about` is what a repair has to know.
    """

    code: str
    name: str
    level: Level
    message: str
    span: Span
    notes: tuple[str, ...] = ()
    helps: tuple[str, ...] = ()
    witness: str | None = None
    fix: Fix | None = None
    about: tuple[object, ...] = ()


def syntax_error(message: str, span: Span, *notes: str, helps: Iterable[str] = ()) -> Diagnostic:
    """Return an S001 at `span`; `helps` say what may have been meant."""
    return Diagnostic("S001", "syntax", "deny", message, span, notes, tuple(helps))


class SpecError(RevcError):
    """A spec is wrong; `diagnostics` say where, at least one of them at level deny."""

    def __init__(self, diagnostics: Iterable[Diagnostic]) -> None:
        self.diagnostics = tuple(diagnostics)
        super().__init__("\n".join(concise(d) for d in self.diagnostics))


class UnsupportedError(SpecError):
    """A spec is right but uses a statement that this version cannot compile."""


def concise(diagnostic: Diagnostic) -> str:
    """Return ``file:line:column: CODE message``, the one-line form."""
    at = diagnostic.span
    return f"{at.file}:{at.line}:{at.column}: {diagnostic.code} {diagnostic.message}"
