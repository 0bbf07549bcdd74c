"""What an editor writes between the lines: shapes, bits of what is metered, live state."""

from collections.abc import Iterator
from dataclasses import dataclass

from revc.grammar import ast
from revc.grammar.span import Span
from revc.ir.instructions import BlockCall, Env, Instruction, Let, Repeat
from revc.ir.types import shape_text
from revc.lsp.costs import cost_text
from revc.lsp.facts import Body, encloses
from revc.lsp.workspace import Document
from revc.passes.analysis.sites import metered
from revc.passes.modules import statements

_TYPED = (ast.Alloc, ast.Draw, ast.NetDecl)


@dataclass(frozen=True)
class Hint:
    """A text to show behind a place of the file; `tip` says more where the pointer is on it."""

    line: int
    column: int
    text: str
    tip: str


def hints(document: Document, first: int, last: int) -> list[Hint]:
    """Return the hints of some lines, in their order."""
    found: dict[tuple[int, int, str], Hint] = {}
    for body in document.bodies:
        at = body.built.decl.span
        if at.line <= last and first <= at.end_line:
            for hint in _of(document, body, range(max(first, at.line), min(last, at.end_line) + 1)):
                if first <= hint.line <= last:
                    found.setdefault((hint.line, hint.column, hint.text), hint)
    return sorted(found.values(), key=lambda hint: (hint.line, hint.column))


def _of(document: Document, body: Body, lines: range) -> Iterator[Hint]:
    yield from _shapes(document, body, lines)
    yield from _bits(body)
    steps = [one for one in body.steps if one[0].span.end_line in lines]
    last = {step.span: at for at, (step, _, _) in enumerate(steps)}
    first = {step.span: at for at, (step, _, _) in reversed(list(enumerate(steps)))}
    for span, at in last.items():
        yield from _live(document, steps[at][0], steps[first[span]][1], steps[at][2])


def _shapes(document: Document, body: Body, lines: range) -> Iterator[Hint]:
    """Yield the shape of what a `let` names, and of registers that are split off, joined, drawn."""
    typed = list(_typed(body.built.decl))
    for symbol in document.names.symbols:
        for at in symbol.made if symbol.kind in ("let", "register") else ():
            if at.line not in lines or any(encloses(span, at) for span in typed):
                continue
            kind = body.type_at(symbol.name, at)
            if kind is not None:
                yield Hint(at.line, at.end_column, f": {shape_text(kind.shape)}", str(kind))


def _typed(decl: ast.BlockDecl | ast.ModelDecl) -> Iterator[Span]:
    """Yield where the author has written a type for a name: the head, each `alloc` and `draw`."""
    yield from (param.span for param in (*decl.params, *(decl.results or ())))
    yield from (one.span for one in statements(decl.body) if isinstance(one, _TYPED))


def _bits(body: Body) -> Iterator[Hint]:
    own = {id(step): step for step, _, _ in body.steps}
    for site in metered(body.built.block) if body.built.whole else ():
        if any(step.span == site.step.span for step in own.values()):
            at = site.step.span
            yield Hint(at.end_line, at.end_column, cost_text(site), f"booked under `{site.meter}`")


def _live(document: Document, step: Instruction, before: Env, after: Env) -> Iterator[Hint]:
    """Yield what is live behind a statement that changes which registers are, or their shapes."""
    if isinstance(step, Let | BlockCall | Repeat) or step.span.file != document.file:
        return
    if list(before) == list(after) and all(before[n].shape == after[n].shape for n in after):
        return
    tip = "\n".join(f"{name}: {kind}" for name, kind in after.items())
    at = step.span
    yield Hint(at.end_line, at.end_column, f"live {', '.join(after) or 'nothing'}", tip)
