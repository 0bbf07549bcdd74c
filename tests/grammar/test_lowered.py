"""What is moved down with its text is what that text is read as."""

from pathlib import Path

import pytest

from revc.grammar import ast
from revc.grammar.lowered import lowered
from revc.grammar.parser import parse_or_raise
from revc.passes.spec import Spec
from tests.grammar.corpus import SPECS


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.name)
def test_a_tree_is_lowered_as_its_text(path: Path) -> None:
    text = path.read_text()
    high, low = parse_or_raise(text), parse_or_raise("\n\n\n" + text)
    for part in ("items", "comments"):
        moved = tuple(lowered(one, 3) for one in getattr(high, part))
        assert moved == getattr(low, part)
        assert tuple(lowered(one, -3) for one in moved) == getattr(high, part)


ALONE = [path for path in SPECS if path.read_text().count("use ") == 1]
"""Those that use `std.nets` alone: what is in another file does not move."""


@pytest.mark.parametrize("path", ALONE, ids=lambda path: path.name)
def test_a_program_is_lowered_as_its_text(path: Path) -> None:
    text = path.read_text()
    high, low = Spec(text), Spec("\n\n\n" + text)
    for model in high.models:
        moved = lowered(high.declared(model.name).block, 3)
        assert moved == low.declared(model.name).block


def test_copies_of_copies_know_the_first() -> None:
    item = parse_or_raise("model M(a, b: [4]) {\n  a += tanh(b)\n}\n").items[0]
    assert isinstance(item, ast.ModelDecl)
    again = lowered(lowered(item, 2), 5)
    assert getattr(again.body[0], "origin", None) == (item.body[0], 7)
    assert getattr(item.body[0], "origin", None) is None
