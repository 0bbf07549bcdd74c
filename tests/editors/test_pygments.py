"""The Pygments lexer gives back every text, and finds no error in any good one."""

import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.grammar.corpus import FILES
from tests.lsp.corpus import ROOT, TEXTS

pytest.importorskip("pygments", reason="Pygments is not installed")

from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.token import Error, Keyword, Name

from revc.grammar.highlight import keywords, pieces
from revc.pygments_lexer import KINDS, RevLexer


def shown(text: str) -> str:
    return "".join(part for _, _, part in RevLexer().get_tokens_unprocessed(text))


@pytest.mark.parametrize("name", TEXTS)
def test_the_tokens_joined_are_the_text(name: str) -> None:
    assert shown(TEXTS[name]) == TEXTS[name]


@given(st.text())
def test_so_they_are_whatever_the_text(text: str) -> None:
    assert shown(text) == text


@given(st.text(st.sampled_from('ab1"#{}()[]<>+-=.,:\n /\r\t'), max_size=40))
def test_so_they_are_where_marks_abound(text: str) -> None:
    assert shown(text) == text


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_good_spec_has_no_error(path: Path) -> None:
    kinds = {kind for _, kind, _ in RevLexer().get_tokens_unprocessed(path.read_text())}
    assert Error not in kinds


def test_words_are_those_of_the_semantic_tokens() -> None:
    """One table tells both what is a keyword, and places are counted alike."""
    for text in TEXTS.values():
        told = [p.text for p in pieces(text) if p.kind == "keyword"]
        lexed = [p for _, kind, p in RevLexer().get_tokens_unprocessed(text) if kind is Keyword]
        assert lexed == told
        assert set(told) <= keywords()
    assert len(set(map(str, KINDS.values()))) == len(KINDS)


def test_it_is_found_by_name() -> None:
    config = tomllib.loads((ROOT / "pyproject.toml").read_text())
    entry = config["project"]["entry-points"]["pygments.lexers"]
    assert entry == {"revc": f"{RevLexer.__module__}:{RevLexer.__qualname__}"}
    assert "rev" in RevLexer.aliases


def test_a_page_has_its_colours() -> None:
    page = highlight("block A(a: [B]) {\n  negate a  # b\n}\n", RevLexer(), HtmlFormatter())
    assert '<span class="k">negate</span>' in page
    assert '<span class="nc">A</span>' in page
    assert Name.Class in KINDS.values()
