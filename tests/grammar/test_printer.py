"""What is printed parses to the same tree, and one tree is printed in one way only."""

import pytest
from hypothesis import given, settings

from revc.grammar import ast
from revc.grammar.layout import REV
from revc.grammar.parser import parse, parse_or_raise
from revc.grammar.printer import print_expr, print_file, print_stmt
from tests.grammar.corpus import in_body
from tests.grammar.trees import exprs, files, statements


@settings(deadline=None, max_examples=150)
@given(files)
def test_a_printed_file_parses_to_the_same_tree(tree):
    text = print_file(tree)
    result = parse(text)
    assert result.diagnostics == ()
    assert result.file.same(tree)
    assert print_file(result.file) == text


@settings(deadline=None, max_examples=100)
@given(statements)
def test_a_printed_statement_stands_at_any_indent(tree):
    block = parse_or_raise(in_body(print_stmt(tree, indent=2))).items[0]
    assert isinstance(block, ast.BlockDecl)
    assert block.body[0].same(tree)


@settings(deadline=None, max_examples=100)
@given(exprs)
def test_a_printed_expression_is_one_line(tree):
    text = print_expr(tree)
    assert "\n" not in text
    block = parse_or_raise(in_body(f"let v = {text}")).items[0]
    assert isinstance(block, ast.BlockDecl)
    assert block.body[0].same(ast.Let(span=tree.span, name="v", value=tree))


SPELLINGS = [
    ("let v=2*(a+b)*c*d", "let v = 2 * (a + b) * c * d"),
    ("let v = a-(b-c)-d", "let v = a - (b - c) - d"),
    ("let v = a/(b*c)", "let v = a / (b*c)"),
    ("let v = -(a+b)", "let v = -(a + b)"),
    ("let v = - - a", "let v = --a"),
    ("let v = ((a))", "let v = a"),
    ("a += 2*h*F(b)", "a += 2*h * F(b)"),
    ("a -= 2*b", "a -= 2 * b"),
    ("a+=F(b,heads=4*c,)", "a += F(b, heads = 4*c)"),
    ("scale a by s(b)in[1/64,1]as m", "scale a by s(b) in [1/64, 1] as m"),
    ("permute x by(0,)", "permute x by (0,)"),
    ("permute x by ( 0 , 2 , 1 , )", "permute x by (0, 2, 1)"),
    ("valve a[..,:k]by q on t", "valve a[.., :k] by q on t"),
    ("Block<(-1),h=-1>(a)", "Block<(-1), h = -1>(a)"),
    ("enc:uncall Block(a)", "enc: uncall Block(a)"),
    ("undo put y:[B]by q", "undo put y: [B] by q"),
    ('net F=torch "m:C"()', 'net F = torch "m:C"'),
    ("repeat 3{}", "repeat 3 { }"),
    ("l:repeat n reversed as i share{negate a}", "l: repeat n reversed as i share { negate a }"),
    ("repeat 2 { negate a\nnegate b }", "repeat 2 {\n  negate a\n  negate b\n}"),
    ("undo repeat 2 { repeat 3 { negate a } }", "undo repeat 2 {\n  repeat 3 { negate a }\n}"),
]


@pytest.mark.parametrize(("written", "printed"), SPELLINGS)
def test_statements_are_spelt_in_one_way(written, printed):
    block = parse_or_raise(in_body(written)).items[0]
    assert isinstance(block, ast.BlockDecl)
    assert print_stmt(block.body[0]) == printed


def test_what_does_not_fit_breaks_at_the_last_bracket_that_helps():
    args = ", ".join(f"argument_{i} = {i}" for i in range(8))
    block = parse_or_raise(in_body(f"a += F(b) + G(norm(b), {args})")).items[0]
    assert isinstance(block, ast.BlockDecl)
    lines = print_stmt(block.body[0]).split("\n")
    assert lines[0] == "a += F(b) + G("
    assert lines[1:3] == ["  norm(b),", "  argument_0 = 0,"]
    assert lines[-1] == ")"
    assert max(map(len, lines)) <= REV.width
