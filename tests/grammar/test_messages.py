"""The table of messages is complete, and each of its examples brings up its entry."""

import pytest

from revc.grammar.engine import Engine
from revc.grammar.lexer import Place, Token
from revc.grammar.messages import DECLARATIONS, EXPRESSIONS, FORMS, STATEMENTS, TOKENS
from revc.grammar.parser import parse
from revc.grammar.recovery import Wrong
from revc.grammar.table import END, table
from revc.grammar.wording import diagnose, phrase
from tests.grammar.automaton import spelt, ways
from tests.grammar.corpus import in_body

EXAMPLES = [(name, text, text) for name, form in DECLARATIONS.items() for text in form.bad]
EXAMPLES += [
    (name, text, in_body(text))
    for name, form in (STATEMENTS | EXPRESSIONS).items()
    for text in form.bad
]


@pytest.mark.parametrize(("name", "example", "text"), EXAMPLES)
def test_each_malformed_example_brings_up_its_form(name, example, text):
    found = parse(text).diagnostics
    assert FORMS[name].text in [note for d in found for note in d.notes]
    assert found[0].span.line == (1 if text == example else 2)


def test_no_entry_is_without_examples():
    assert all(form.bad for form in FORMS.values())
    texts = [form.text for form in FORMS.values()]
    assert len(set(texts)) == len(texts)


def test_every_terminal_has_a_word():
    terminals = {kind for state in table().actions for kind in state if kind.isupper()}
    assert terminals <= set(TOKENS) | set(table().words.values())
    for kind in terminals - {"PLUS_EQ", "LATTICE"}:  # these stand for a group
        assert phrase({kind}) == TOKENS.get(kind, f"`{spelt(kind)}`")


def test_every_state_can_be_reached():
    assert set(ways()) == set(range(len(table().actions)))


@pytest.mark.parametrize("kind", ["_NL", "COMMA", "NAME", "LBRACE", "NUMBER", "EQUAL", END])
def test_every_state_has_a_written_message(kind):
    for tokens in set(ways().values()):
        engine = Engine("x.rev")
        for each in tokens:
            assert engine.push(each, token(each))
        if not engine.follow([token(kind)]):
            assert_written(engine, kind)


WRONG = ("STAR", "RPAR", "_NL", "COMMA", "NAME", "LBRACE", "NUMBER", "EQUAL", "STRING", "DOTS")


def malformed(tokens: tuple[str, ...]) -> str | None:
    """Return a text that reads some tokens and then one that does not fit; None if all fit."""
    for kind in WRONG:
        engine = Engine("x.rev")
        assert all(engine.push(each, token(each)) for each in tokens)
        if not engine.follow([token(kind)]):
            return " ".join(spelt(one).replace("\n", "\n ") for one in (*tokens, kind))
    return None


def test_every_state_has_a_malformed_text_whose_message_is_written(golden):
    """What each state says of a text that goes wrong there; the table is for people to read."""
    written = {form.text for form in FORMS.values()}
    rows: dict[str, str] = {}
    for tokens in ways().values():
        text = malformed(tokens)
        assert text is not None
        first = parse(f"{text}\n").diagnostics[0]
        assert first.message
        assert first.notes[0] in written
        shown = text.replace("\n", "\\n").strip()
        rows[shown] = f"{shown}\n    {first.message}\n    {first.notes[0]}\n"
    golden("grammar/states.txt", "\n".join(rows[text] for text in sorted(rows)))


def token(kind: str) -> Token:
    text = spelt(kind)
    return Token(kind, text, 1, 1, 1 + len(text))


def assert_written(engine: Engine, kind: str) -> None:
    here = Place(0, 1, 0, (), token("COMMA"))
    wrong = Wrong(token(kind), kind, here, here, token("COMMA"), (token(kind),))
    found = diagnose("x.rev", engine, wrong, None)
    assert found.message.startswith("expected ")
    assert found.notes[0] in {form.text for form in FORMS.values()}
    expected = engine.expected()
    assert expected
    assert phrase(expected) in found.message
