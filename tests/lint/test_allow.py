"""Suppression: on the line, with a reason; an unused one is a finding."""

from pathlib import Path

import pytest

from revc.passes.invert import invert
from revc.passes.lint import Selection, lint
from revc.passes.spec import build
from tests.passes.canonical import canonical

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


LINES = """use std.nets: linear
dim B, c = 8
state lattice(Q12.20)
model M(a, b: [B, c]) {{
{above}
  valve a by logistic(
    linear(b),
    step = 1/16
  ) as va{behind}
}}
"""
FREE = '# revc: allow(M501) reason = "free"'


@pytest.mark.parametrize("place", ["above", "behind", "inside"])
def test_a_statement_of_several_lines(place: str) -> None:
    text = LINES.format(
        above=f"  {FREE}" if place == "above" else "",
        behind=f"  {FREE}" if place == "behind" else "",
    )
    if place == "inside":
        text = text.replace("linear(b),", f"linear(b),  {FREE}")
    assert lint(text).findings == ()


def test_a_comment_above_another() -> None:
    assert codes(above=f"  {GOOD}\n  # and why") == []


@pytest.mark.parametrize("text", ["# revc: see the paper", "# revc: a note (short)", "# revc:"])
def test_a_comment_that_only_begins_so(text: str) -> None:
    assert codes(behind=f"  {text}") == [("L107", 5)]


ALLOWED = {
    "a file's state": (
        'state float32  # revc: allow(Q303) reason = "r"\nmodel M(a, b: [B, T, c]) { a += b }'
    ),
    "a meter": (
        "state lattice(Q12.20)\nmodel M(a, b: [B, T, c]) {\n  a += b\n  repeat 2 {\n"
        '    scale b by sigmoid(a) in [1/2, 1] as f  # revc: allow(M501) reason = "r"\n  }\n}'
    ),
    "a random net": (
        "state lattice(Q12.20)\nmodel M(a, b: [B, T, c]) {\n"
        '  # revc: allow(R401) reason = "r"\n'
        "  a += attention(b, heads = 2, dropout = 0.1)\n}"
    ),
    "one of two nets of a statement": (
        "state lattice(Q12.20)\nmodel M(a, b: [B, T, c]) {\n"
        '  # revc: allow(R401) reason = "r"\n'
        "  a += attention(b, heads = 2, dropout = 0.1) + attention(b, heads = 2)\n}"
    ),
    "a net in a loop that is undone": (
        "state lattice(Q12.20)\nmodel M(a, b: [B, T, c]) {\n  undo repeat 2 {\n"
        '    # revc: allow(R401) reason = "r"\n'
        "    a += attention(b, heads = 2, dropout = 0.1)\n    b += tanh(a)\n  }\n}"
    ),
    "a meter and a net with two reasons": (
        "state lattice(Q12.20)\nmodel M(a, b: [B, T, c]) {\n"
        '  # revc: allow(M501) reason = "free"\n'
        "  scale b by sigmoid(attention(a, heads = 2, dropout = 0.1)) in [1/2, 1] as f"
        '  # revc: allow(R401) reason = "r"\n}'
    ),
    "two codes for one reason": (
        "state lattice(Q12.20)\nmodel M(a, b: [B, T, c]) {\n"
        '  # revc: allow(M501, R401) reason = "free"\n'
        "  scale b by sigmoid(attention(a, heads = 2, dropout = 0.1)) in [1/2, 1] as f\n}"
    ),
    "a claim in a loop that is undone": (
        "state lattice(Q12.20)\nmodel M(a, b: [B, T, c]) {\n  undo repeat 2 {\n"
        "    alloc t: [B, T, c] = 0\n    t += a\n"
        '    free t = 0  # revc: allow(L107) reason = "a is 0"\n  }\n}'
    ),
}


BOTH = "two codes for one reason"  # a statement, and the net that it declares


@pytest.mark.parametrize("name", ALLOWED)
def test_an_inverse_allows_what_its_original_does(name: str) -> None:
    text = f"use std.nets: attention\ndim B, c = 8, T = 4\n{ALLOWED[name]}\n"
    checks = Selection(ignore=("C901",))  # a net's own dropout is allowed here, and has no runtime
    assert lint(text, checks).findings == ()
    inverse = invert(text)
    assert lint(inverse, checks).findings == ()
    assert inverse.count('reason = "') == text.count('reason = "') + (name == BOTH)
    assert canonical(build(invert(inverse))) == canonical(build(text))


def test_an_inverse_is_looked_at_beside_the_files_that_it_uses(tmp_path: Path) -> None:
    (tmp_path / "part.rev").write_text(
        "dim B, c\nstate lattice(Q12.20)\nblock Add(a, b: [B, c]) { a += b }\n"
    )
    main = tmp_path / "main.rev"
    main.write_text(
        "use part: Add\ndim B, c\nstate lattice(Q12.20)\nmodel M(a, b: [B, c]) {\n  Add(a, b)\n"
        '  scale a by sigmoid(b) in [1/2, 1] as f  # revc: allow(M501) reason = "r"\n}\n'
    )
    inverse = invert(main)
    assert inverse.count("# revc: allow(M501)") == 1
    main.write_text(inverse)
    assert lint(main).findings == ()
