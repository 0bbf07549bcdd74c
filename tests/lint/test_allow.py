"""Suppression: on the line, with a reason; an unused one is a finding."""

import pytest

from revc.passes.lint import lint

SPEC = """dim B, c
state lattice(Q12.20)
model M(a, b: [B, c]) {{
{above}
  a += tanh(a){behind}
}}
"""
GOOD = '# revc: allow(B201) reason = "a is 0 here"'


def codes(above: str = "", behind: str = "") -> list[tuple[str, int]]:
    found = lint(SPEC.format(above=above, behind=behind)).findings
    return [(d.code, d.span.line) for d in found]


def test_behind_the_statement() -> None:
    assert codes() == [("B201", 5)]
    assert codes(behind=f"  {GOOD}") == []


def test_alone_above_the_statement() -> None:
    assert codes(above=f"  {GOOD}") == []


def test_several_codes() -> None:
    assert codes(behind='  # revc: allow(B201, L108) reason = "both"') == [("Y803", 5)]


@pytest.mark.parametrize(
    "comment",
    [
        "# revc: allow(B201)",
        '# revc: allow(B201) reason = ""',
        '# revc: allow(B201) reason = "  "',
        "# revc: allow(B201) because",
        "# revc: alow(B201)",
    ],
)
def test_the_reason_is_required(comment: str) -> None:
    assert codes(behind=f"  {comment}") == [("B201", 5), ("S001", 5)]


def test_another_code_does_not_help() -> None:
    comment = '  # revc: allow(B203) reason = "no"'
    assert codes(behind=comment) == [("B201", 5), ("Y803", 5)]


def test_an_unknown_code() -> None:
    comment = '  # revc: allow(B299) reason = "no"'
    assert codes(behind=comment) == [("B201", 5), ("Y803", 5)]


def test_on_another_line() -> None:
    assert codes(above=f"  negate b  {GOOD}") == [("Y803", 4), ("B201", 5)]


def test_other_comments_are_left_alone() -> None:
    assert codes(behind="  # reversible: allow(B201)") == [("B201", 5)]
