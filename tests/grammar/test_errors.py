"""What one run says of wrong syntax: the words, the places, and that it goes on behind them."""

import random

import pytest

from revc.grammar.diagnostics import concise
from revc.grammar.lexer import Lexer
from revc.grammar.parser import parse
from revc.grammar.reader import MAX_FINDINGS
from revc.grammar.table import END
from tests.grammar.corpus import SPECS, in_body


def messages(text: str) -> list[str]:
    return [concise(d).removeprefix("<string>:") for d in parse(text).diagnostics]


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("a += F(b", "2:11: S001 expected `)` after `b`"),
        ("a += F(norm(b, heads = 8)", "2:28: S001 expected `)` after `)`"),
        ("a += F(b))", "2:12: S001 `)` closes no bracket"),
        ("a += F(b]", "2:11: S001 expected `)`, found `]`"),
        ("a += F(b, heads 8)", "2:18: S001 expected `,` or `=` after `heads`"),
        ("a +=", "2:7: S001 expected an expression after `+=`"),
        ("a += b +", "2:11: S001 expected an expression after `+`"),
        ("a += * b", "2:8: S001 expected an expression, found `*`"),
        ("a = F(b)", "2:5: S001 expected `+=`, `-=` or `(`, found `=`"),
        ("a += b b += a", "2:9: S001 expected the end of the line after `b`"),
        ("split x a, b", "2:10: S001 expected `->` after `x`"),
        ("valve a logistic(b)", "2:10: S001 expected `by` after `a`"),
        ("draw y label(K)[B] by q", "2:9: S001 expected `:` after `y`"),
        ("alloc a: [B c] = 0", "2:14: S001 expected `,` after `B`"),
        ("repeat 6 swap a, b }", "2:11: S001 expected `{` after `6`"),
        ("let v F(a)", "2:8: S001 expected `=` after `v`"),
        ("3", "2:3: S001 expected a statement or `}`, found `3`"),
        ("let v = 2h", "2:11: S001 `2h` is not a number; a product is written with `*`"),
        ('let v = "abc', "2:11: S001 this string has no closing quote on its line"),
        ("swap a, b;", "2:12: S001 there is no `;` in the language"),
        ("swap a, b\u00a0", "2:12: S001 there is no `\\xa0` in the language"),
        ("model M(a: [B]) { }", "2:3: S001 expected a statement or `}`, found `model`"),
    ],
)
def test_a_wrong_statement_is_one_finding(statement, message):
    assert messages(in_body(statement)) == [message]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("use std.nets attention", "1:13: S001 expected `:` after `nets`"),
        ("dim B T", "1:6: S001 expected `,` or `=` after `B`"),
        ("state float16", "1:7: S001 expected numerics, found `float16`"),
        ("block A a: [B]) { }", "1:8: S001 expected `(` after `A`"),
        ("model M(a: B) { }", "1:12: S001 expected a type such as `[B, c]`, found `B`"),
        ("model M(a: [B]) (a: [B]) { }", "1:16: S001 expected `->` after `)`"),
        ("budget put(a) < 3 bits", "1:15: S001 expected `<=`, found `<`"),
        ("budget foo(a) <= 3 bits", "1:11: S001 expected `<=` after `foo`"),
        ("}", "1:1: S001 `}` closes no bracket"),
    ],
)
def test_a_wrong_item_is_one_finding(text, message):
    assert messages(f"{text}\ndim Z\n") == [message]


@pytest.mark.parametrize(
    ("statement", "hint"),
    [
        ("splitt x -> a, b", "did you mean `split`?"),
        ("split x -> a, b allong 1", "did you mean `along`?"),
        ("a = b", "what `a` holds would be lost: `a += e` adds, `let v = e` names a read"),
        ("if a", "there are no conditions: every statement of a body runs, whatever the data are"),
        ("swap a, b;", "a new line ends a statement"),
        ("for i", "a loop is `repeat 6 { .. }`, and `repeat 6 as i { .. }` counts its turns"),
        ("let v = a \u00d7 b", "a product is written `*`"),
        ("let v = \u201ca\u201d", 'strings take double quotes, `".."`'),
        ("let v = 0x1f", "write `31`"),
        ("let v = 2h", None),
        ("a += F b)", None),
    ],
)
def test_findings_say_what_may_be_meant(statement, hint):
    helps = parse(in_body(statement)).diagnostics[0].helps
    assert hint in helps if hint else not helps


def test_findings_say_where_a_bracket_was_opened():
    found = parse(in_body("a += F(\n    b,\n    c")).diagnostics[0]
    assert "`(` was opened on line 2" in found.notes


def test_one_run_finds_several_errors():
    text = """\
use std.nets attention
dim B T
block A<F(a, b: [B]) {
  a += F(b
  b += = a
  repeat 3 {
    swap a b
  }
  split x - a, b
}
model M(a: [B]) -> (a: [B]) {
  A(a, a
  repeat { negate a }
  emit v = a
"""
    assert messages(text) == [
        "1:13: S001 expected `:` after `nets`",
        "2:6: S001 expected `,` or `=` after `B`",
        "3:10: S001 expected `>` or `=` after `F`",
        "4:11: S001 expected `)` after `b`",
        "5:8: S001 expected an expression, found `=`",
        "7:11: S001 expected `,` after `a`",
        "9:11: S001 expected `->`, found `-`",
        "12:9: S001 expected `)` after `a`",
        "13:10: S001 expected an expression, found `{`",
        "14:13: S001 expected `}` after `a`",
    ]


def test_a_body_whose_header_is_wrong_is_read_as_a_body():
    text = "block A(a: [B] b) -> ) {\n  negate a\n  repeat 2 4 {\n    negate a\n  }\n}\ndim B\n"
    assert [d.span.line for d in parse(text).diagnostics] == [1, 3]


def test_a_body_that_is_not_closed_ends_where_an_item_starts():
    text = "block A(a: [B]) {\n  repeat 2 {\n    negate a\nblock C(a: [B]) {\n  negate a\n}\n"
    assert messages(text) == ["3:13: S001 expected `}` after `a`"]


def test_a_bracket_that_is_not_closed_ends_where_a_statement_starts():
    for following in ("swap a, b", "b -= c", "c[0] += b", "enc: Block(a)", "Layer(a, b)", "}"):
        text = f"block A(a: [B]) {{\n  a += F(b\n  {following}\n}}\n"
        assert messages(text)[0] == "2:11: S001 expected `)` after `b`", following


def test_findings_are_capped():
    text = "block A(a: [B]) {\n" + "  a += b c d\n" * 100 + "}\n"
    assert len(parse(text).diagnostics) == MAX_FINDINGS


def test_a_finding_echoes_no_other():
    findings = parse("a += b\nb += a\nc += d\nblock A(a: [B]) { }\n").diagnostics
    assert [d.span.line for d in findings] == [1]


def mutants(text: str, rng: random.Random, count: int) -> list[tuple[int, str]]:
    """Return broken copies of `text` with the line where each was broken."""
    lexer, starts = Lexer(text), [0]
    for line in text.split("\n"):
        starts.append(starts[-1] + len(line) + 1)
    tokens = []
    while (token := lexer.next()).type != END:
        if token.type != "_NL":
            tokens.append((starts[token.line - 1] + token.column - 1, token))
    made = []
    for at, token in rng.sample(tokens, count):
        other = rng.choice(tokens)[1].text
        end = at + len(token.text)
        made += [
            (token.line, text[:at] + text[end:]),
            (token.line, text[:at] + other + text[end:]),
            (token.line, text[:at] + other + " " + text[at:]),
        ]
    return made


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.name)
def test_first_findings_are_near_the_defect_and_few(path):
    rng = random.Random(path.name)
    broken = near = total = 0
    for line, text in mutants(path.read_text(), rng, 40):
        found = parse(text, path.name).diagnostics
        broken += bool(found)
        near += bool(found) and abs(found[0].span.line - line) <= 1
        total += len(found)
    assert broken > 60
    assert near >= 0.97 * broken
    assert total <= 1.2 * broken
