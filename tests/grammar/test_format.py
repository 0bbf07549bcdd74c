"""`revc fmt`: the tree stays, comments stay, and formatted text is left alone."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from revc.grammar.diagnostics import SpecError
from revc.grammar.format import format_source
from revc.grammar.parser import parse_or_raise
from revc.grammar.printer import print_file
from tests.grammar.corpus import FILES
from tests.grammar.trees import files


def assert_laws(text: str) -> None:
    before = parse_or_raise(text)
    formatted = format_source(text)
    after = parse_or_raise(formatted)
    assert after.replace(comments=()).same(before.replace(comments=()))
    assert [c.text for c in after.comments] == [c.text for c in before.comments]
    assert format_source(formatted) == formatted
    assert "\n\n\n" not in formatted
    assert all(line == line.rstrip() for line in formatted.split("\n"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_the_specs_are_formatted(path):
    assert format_source(path.read_text(), path.name) == path.read_text()


@settings(deadline=None, max_examples=60)
@given(files)
def test_a_printed_file_keeps_the_laws(tree):
    assert_laws(print_file(tree))


@settings(deadline=None, max_examples=150)
@given(st.sampled_from(FILES), st.data())
def test_comments_and_empty_lines_may_stand_anywhere(path, data):
    lines = path.read_text().split("\n")
    for at in data.draw(st.lists(st.integers(0, len(lines) - 1), max_size=6)):
        mark = data.draw(st.sampled_from(["  # new", "\n# own", "\n\n\n  # far\n", "\n", "\t"]))
        lines[at] += mark
    assert_laws("\n".join(lines))


@settings(deadline=None, max_examples=150)
@given(st.sampled_from(FILES), st.data())
def test_lines_may_be_broken_in_brackets(path, data):
    text = path.read_text()
    commas = [at for at, mark in enumerate(text) if mark in "(,"]
    for at in sorted(data.draw(st.lists(st.sampled_from(commas), max_size=4)), reverse=True):
        mark = data.draw(st.sampled_from(["\n", "\n\n      ", "  # why\n   ", " # a\n # b\n"]))
        broken = text[: at + 1] + mark + text[at + 1 :]
        text = broken if _parses(broken) else text
    assert_laws(text)


def _parses(text: str) -> bool:
    try:
        parse_or_raise(text)
    except SpecError:
        return False
    return True


MESSY = """\

# head


use std.nets:attention,   norm   # nets
dim B,T
# about A
block A ( a,b : [B,T] ){ # open

  a+=norm( b )


  # inside
  repeat 2   { swap a,b   # swapped
  }
  repeat 2 { swap a,b }
  # last
}
block C(a: [B]) { }
net F
# end
"""
TIDY = """\
# head

use std.nets: attention, norm  # nets
dim B, T
# about A
block A(a, b: [B, T]) {  # open
  a += norm(b)

  # inside
  repeat 2 {
    swap a, b  # swapped
  }
  repeat 2 { swap a, b }
  # last
}

block C(a: [B]) { }

net F
# end
"""


def test_a_messy_file():
    assert format_source(MESSY) == TIDY
    assert format_source(TIDY) == TIDY


def test_a_statement_with_a_comment_inside_keeps_its_lines():
    text = (
        "block A(\n      a: [B],  # state\n   b: [B],\n) {\n"
        "      a += F(   # why\n        b,c,\n      )\n      negate    a\n}\n"
    )
    assert format_source(text) == (
        "block A(\n      a: [B],  # state\n   b: [B],\n) {\n"
        "  a += F(   # why\n    b,c,\n  )\n  negate a\n}\n"
    )


def test_a_file_of_comments_alone():
    assert format_source("   # a\n\n\n\n#b") == "# a\n\n#b\n"


def test_windows_line_ends_become_plain_ones():
    assert format_source("dim   B\r\n\r\n# a\r\nnet F\r\n") == "dim B\n\n# a\nnet F\n"


def test_wrong_syntax_is_not_formatted():
    with pytest.raises(SpecError):
        format_source("block A(a: [B] {\n}")
