"""Suppression: on the line, with a reason; an unused one is a finding."""

import pytest

from revc.passes.lint import lint

SPEC = """dim B, c
state lattice(Q12.20)
model M(b, t: [B, c]) -> (b: [B, c]) {{
{above}
  free t = 0{behind}
}}
"""
GOOD = '# revc: allow(L107) reason = "t is 0 here"'


def codes(above: str = "", behind: str = "") -> list[tuple[str, int]]:
    found = lint(SPEC.format(above=above, behind=behind)).findings
    return [(d.code, d.span.line) for d in found]


def test_behind_the_statement() -> None:
    assert codes() == [("L107", 5)]
    assert codes(behind=f"  {GOOD}") == []


def test_alone_above_the_statement() -> None:
    assert codes(above=f"  {GOOD}") == []


def test_several_codes() -> None:
    assert codes(behind='  # revc: allow(L107, L108) reason = "both"') == [("Y803", 5)]


@pytest.mark.parametrize(
    "comment",
    [
        "# revc: allow(L107)",
        '# revc: allow(L107) reason = ""',
        '# revc: allow(L107) reason = "  "',
        "# revc: allow(L107) because",
        "# revc: alow(L107)",
    ],
)
def test_the_reason_is_required(comment: str) -> None:
    assert codes(behind=f"  {comment}") == [("L107", 5), ("S001", 5)]


def test_another_code_does_not_help() -> None:
    comment = '  # revc: allow(B203) reason = "no"'
    assert codes(behind=comment) == [("L107", 5), ("Y803", 5)]


def test_an_unknown_code() -> None:
    comment = '  # revc: allow(B299) reason = "no"'
    assert codes(behind=comment) == [("L107", 5), ("Y803", 5)]


def test_on_another_line() -> None:
    assert codes(above=f"  negate b  {GOOD}") == [("Y803", 4), ("L107", 5)]


def test_what_leaves_the_program_no_meaning_cannot_be_allowed() -> None:
    spec = """dim B, c
state lattice(Q12.20)
model M(a: [B, c]) {
  a += tanh(a)  # revc: allow(B201) reason = "a is 0 here"
}
"""
    found = lint(spec).findings
    assert [(d.code, d.level) for d in found] == [("B201", "deny"), ("Y803", "warn")]
    assert "cannot be allowed" in found[1].message


def test_what_only_warns_can_be_allowed() -> None:
    spec = """dim B, c
state float32  # revc: allow(Q303) reason = "a reference"
model M(a, b: [B, c]) { a += tanh(b) }
"""
    assert lint(spec).findings == ()


def test_other_comments_are_left_alone() -> None:
    assert codes(behind="  # reversible: allow(L107)") == [("L107", 5)]
