"""Specs with one token deleted, doubled, or swapped with the next, and what lint says of them."""

import random
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from revc.errors import InternalError, RevcError
from revc.grammar.lexer import Lexer
from revc.grammar.table import END
from revc.passes.lint import lint
from revc.passes.spec import build

FEW = 3  # findings that one slip may have


class Mutant(NamedTuple):
    """A spec with one slip on a line."""

    text: str
    line: int
    how: str


class Figures(NamedTuple):
    """What came of mutants: how many there were, and the shares of those that are broken.

    `missed` compile no more and have no finding at level deny; `near` have their first finding on
    the line of the slip; `syntax_near` are those among the ones that do not parse; `many` have more
    than `FEW` findings.
    """

    mutants: int
    broken: int
    crashes: int
    missed: int
    near: float
    syntax_near: float
    many: float


def mutants(text: str) -> Iterator[Mutant]:
    """Yield every mutant of a spec that is another text."""
    places = list(tokens(text))
    for number, (start, end, line) in enumerate(places):
        word = text[start:end]
        yield Mutant(text[:start] + text[end:], line, "deleted")
        yield Mutant(f"{text[:end]} {word}{text[end:]}", line, "doubled")
        if number + 1 < len(places):
            first, last, _ = places[number + 1]
            other = text[first:last]
            if other != word:
                swapped = text[:start] + other + text[end:first] + word + text[last:]
                yield Mutant(swapped, line, "swapped")


def tokens(text: str) -> Iterator[tuple[int, int, int]]:
    """Yield where the tokens of a spec begin and end, and their lines; ends of lines are none."""
    starts = [0]
    for row in text.split("\n"):
        starts.append(starts[-1] + len(row) + 1)
    lexer = Lexer(text)
    while (token := lexer.next()).type != END:
        if token.text.strip():
            start = starts[token.line - 1] + token.column - 1
            yield start, start + len(token.text), token.line


def measured(paths: Iterable[Path], every: int = 1, seed: int = 0) -> Figures:
    """Return the figures of one in so many mutants of some specs."""
    draw, seen = random.Random(seed), Counter[str]()
    for path in paths:
        for mutant in mutants(path.read_text(encoding="utf-8")):
            if draw.randrange(every) == 0:
                seen.update(_judged(mutant))
    broken, syntax = max(1, seen["broken"]), max(1, seen["syntax"])
    return Figures(
        seen["mutants"], seen["broken"], seen["crash"], seen["missed"], seen["near"] / broken,
        seen["syntax near"] / syntax, seen["many"] / broken,
    )  # fmt: skip


def _judged(mutant: Mutant) -> Iterator[str]:
    """Yield what counts of a mutant."""
    yield "mutants"
    try:
        result = lint(mutant.text)
    except InternalError:
        yield "crash"
        return
    if not result.denied:
        if not _compiles(mutant.text):
            yield from ("broken", "missed")
        return
    yield "broken"
    denied = [one for one in result.findings if one.level == "deny"]
    near = denied[0].span.line == mutant.line
    if near:
        yield "near"
    if denied[0].code == "S001":
        yield "syntax"
        if near:
            yield "syntax near"
    if len(denied) > FEW:
        yield "many"


def _compiles(text: str) -> bool:
    """Say whether a spec has a program, its free sizes aside; one without a model is fine."""
    try:
        build(text, nets=None)
    except RevcError as error:
        return "no model" in str(error) or "S008" in str(error) or "several models" in str(error)
    return True
