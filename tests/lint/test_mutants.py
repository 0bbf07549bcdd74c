"""Broken specs give findings, never a crash; those that are still good invert."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from revc.errors import RevcError
from revc.grammar.diagnostics import SpecError
from revc.ir.instructions import forgets
from revc.ir.program import Program
from revc.passes.invert import invert
from revc.passes.lint import lint
from revc.passes.spec import build
from tests.lint.findings import FINDINGS, HEAD
from tests.lint.mutants import mutant
from tests.lint.test_apart import CLEAN
from tests.passes.canonical import canonical
from tests.passes.specs import SPECS
from tests.passes.test_free_proof import PROVED
from tests.passes.test_laws import EXTRA

TEXTS = [path.read_text() for path in SPECS] + list(EXTRA.values())
BODIES = [f"{HEAD}{body}\n}}\n".replace("@@", "") for body, _ in FINDINGS.values()]
BODIES += [f"{HEAD}{body}\n}}\n" for body in (*PROVED.values(), *CLEAN.values())]
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
        if forgets(program.model):
            with pytest.raises(SpecError, match="L111"):
                invert(text)
            continue
        inverse = invert(text)
        assert not lint(inverse).denied
        assert canonical(build(invert(inverse))) == canonical(program)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from([*TEXTS, *BODIES]), st.integers(0, 1 << 32))
def test_no_text_ends_in_a_traceback(text: str, seed: int) -> None:
    broken = mutant(text, seed)
    result = lint(broken)  # a bug of ours would be an InternalError
    assert all(finding.span.line >= 1 for finding in result.findings)
    program, refused = attempt(broken)
    assert result.denied or program is not None or refused <= LATER
    if program is not None and not forgets(program.model):
        assert not lint(invert(broken)).denied
