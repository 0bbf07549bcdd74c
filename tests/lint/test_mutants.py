"""Broken specs give findings, never a crash; those that are still good invert."""

import pytest

from revc.errors import RevcError
from revc.grammar.diagnostics import SpecError
from revc.ir.program import Program
from revc.passes.invert import invert
from revc.passes.lint import lint
from revc.passes.spec import build
from tests.lint.mutants import mutant
from tests.passes.canonical import canonical
from tests.passes.specs import SPECS
from tests.passes.test_laws import EXTRA

TEXTS = [path.read_text() for path in SPECS] + list(EXTRA.values())
LATER = {"S002", "S008"}  # no model in the file, or a size that only compiling needs


def attempt(text: str) -> tuple[Program | None, set[str]]:
    """Return the program, or the codes of the findings that refuse it."""
    try:
        return build(text), set()
    except SpecError as error:
        return None, {d.code for d in error.diagnostics}
    except RevcError:
        return None, set()


@pytest.mark.parametrize("first", range(0, 240, 40))
def test_mutants(first: int) -> None:
    for seed in range(first, first + 40):
        text = mutant(TEXTS[seed % len(TEXTS)], seed)
        result = lint(text)
        assert all(d.span.line >= 1 and d.span.column >= 1 for d in result.findings)
        program, refused = attempt(text)
        assert result.denied <= (program is None)
        if program is None:
            assert result.denied or refused <= LATER
            continue
        inverse = invert(text)
        assert not lint(inverse).denied
        assert canonical(build(invert(inverse))) == canonical(program)
