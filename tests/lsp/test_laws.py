"""What an editor is told is what the commands say, and every place is counted right."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from revc.grammar.highlight import keywords, pieces
from revc.grammar.lexer import Lexer
from revc.grammar.span import Span
from revc.grammar.table import END, table
from revc.lsp.hints import hints
from revc.lsp.hover import hover
from revc.lsp.lookup import definition, references, renamed
from revc.lsp.outline import Entry, outline
from revc.lsp.positions import Lines, Position
from revc.lsp.rule_pages import markdown
from revc.lsp.workspace import Document, Workspace
from revc.passes.lint import lint
from revc.passes.rules.registry import MODULES, rule
from tests.grammar.corpus import SPECS
from tests.lsp.corpus import BAD, GOOD, TEXTS


def opened(text: str, file: str = "untitled:spec") -> Document:
    return Workspace().open(file, text)


# --- findings -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", TEXTS)
def test_findings_are_those_of_revc_lint(name: str, tmp_path: Path) -> None:
    path = tmp_path / "spec.rev"
    path.write_bytes(TEXTS[name].encode())
    assert opened(TEXTS[name], str(path)).findings == lint(path).findings


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
def test_verdicts_are_those_of_revc_lint(path: Path) -> None:
    found = opened(path.read_text(), str(path)).proofs
    assert tuple(found.values()) == lint(path).proofs


def test_the_bad_examples_are_found_bad() -> None:
    when = {code: rule(code).page.when for code in MODULES}
    for code in (code for code in MODULES if when[code] == "lint"):
        assert code in {one.code for one in opened(BAD[f"{code} bad"]).findings}


# --- colours ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", TEXTS)
def test_each_token_is_told_once_and_in_order(name: str) -> None:
    text = TEXTS[name]
    lexer, tokens = Lexer(text), []
    while (token := lexer.next()).type != END:
        if token.type != "_NL":
            tokens.append((token.text, token.line, token.column))
    told = pieces(text)
    assert [(p.text, p.line, p.column) for p in told if p.kind != "comment"] == tokens
    assert told == sorted(told, key=lambda piece: (piece.line, piece.column))
    lines = text.split("\n")
    for piece in told:
        line = lines[piece.line - 1]
        assert line[piece.column - 1 : piece.column - 1 + len(piece.text)] == piece.text


@pytest.mark.parametrize("name", GOOD)
def test_no_token_of_a_good_spec_is_an_error(name: str) -> None:
    assert [one for one in pieces(GOOD[name]) if one.kind == "error"] == []


def test_every_word_is_a_keyword_or_a_type_somewhere() -> None:
    told = {p.text: p.kind for text in GOOD.values() for p in pieces(text) if p.kind == "keyword"}
    assert told.keys() <= keywords()
    assert keywords() | {"lattice", "float32", "label"} == table().words.keys()


def test_a_word_is_a_name_where_it_is_one() -> None:
    text = "dim B\nblock A(by, to: [B]) {\n  by += tanh(to)\n  squeeze by by 2\n}\n"
    kinds = [p.kind for p in pieces(text) if p.text == "by"]
    assert kinds == ["variable", "variable", "variable", "keyword"]


# --- places -------------------------------------------------------------------------------------

TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\r"), max_size=60)


@given(TEXT)
def test_places_go_there_and_back(text: str) -> None:
    lines = Lines(text)
    for number, line in enumerate(text.split("\n"), 1):
        for column in range(1, len(line) + 2):
            at = lines.position(number, column)
            assert lines.place(at) == (number, column)
            assert at.character == len(line[: column - 1].encode("utf-16-le")) // 2


@given(TEXT, st.integers(0, 100), st.integers(0, 100))
def test_any_position_is_a_place_of_the_text(text: str, line: int, character: int) -> None:
    lines = Lines(text)
    number, column = lines.place(Position(line, character))
    assert 1 <= number <= text.count("\n") + 1
    assert 1 <= column <= lines.length(number) + 1
    assert lines.position(number, column) <= max(lines.end(), Position(line, character))


def test_the_end_of_a_line_is_no_part_of_it() -> None:
    lines = Lines("dim B\r\ndim c\r\n")
    assert lines.range(Span("", 1, 1, 1, 99)) == (Position(0, 0), Position(0, 5))
    assert lines.end() == Position(2, 0)


# --- questions ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", TEXTS)
def test_every_question_has_an_answer_at_every_token(name: str) -> None:
    document = opened(TEXTS[name])
    last = TEXTS[name].count("\n") + 1
    for token in document.tokens:
        shown = hover(document, token.line, token.column)
        assert shown is None or shown[0].strip()
        at = definition(document, token.line, token.column)
        assert at is None or at.line >= 1
    assert all(1 <= hint.line <= last for hint in hints(document, 1, last))
    assert all(_is_nested(entry) for entry in outline(document))


def _is_nested(entry: Entry) -> bool:
    at = entry.span
    inside = all(at.line <= e.span.line and e.span.end_line <= at.end_line for e in entry.inside)
    return inside and all(_is_nested(one) for one in entry.inside)


@pytest.mark.parametrize("name", GOOD)
def test_a_new_name_changes_nothing_else(name: str) -> None:
    """Whatever is renamed, the findings stay, and renaming it back gives the text again."""
    text = GOOD[name]
    document = opened(text)
    before = [(one.code, one.span.line) for one in document.findings]
    for symbol in document.names.symbols:
        if symbol.module is None:
            at = symbol.made[0]
            changed = _renamed(document, at.line, at.column, f"{symbol.name}_new")
            after = opened(changed)
            assert [(one.code, one.span.line) for one in after.findings] == before
            assert _renamed(after, at.line, at.column, symbol.name) == text


def _renamed(document: Document, line: int, column: int, name: str) -> str:
    lines = document.text.split("\n")
    for at in reversed(renamed(document, line, column, name)):
        row = lines[at.line - 1]
        lines[at.line - 1] = row[: at.column - 1] + name + row[at.end_column - 1 :]
    return "\n".join(lines)


@pytest.mark.parametrize("name", GOOD)
def test_a_thing_is_among_its_references_and_so_is_its_declaration(name: str) -> None:
    document = opened(GOOD[name])
    for symbol in document.names.symbols:
        for at in symbol.spans:
            assert at in references(document, at.line, at.column)
        assert set(symbol.made) <= set(symbol.spans)


def test_a_text_that_is_too_long_is_only_said_to_be() -> None:
    document = opened("# a\n" * (1 << 18) + "dim B\n")
    assert [one.code for one in document.findings] == ["S001"]
    assert document.tokens == document.pieces == ()
    assert document.names.symbols == []


def test_a_page_has_all_that_the_rule_says() -> None:
    for code in MODULES:
        page, text = rule(code).page, markdown(rule(code))
        assert all(part.strip() in text for part in (page.what, page.why, page.bad, page.good))
