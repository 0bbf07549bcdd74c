"""Comparing and walking syntax trees."""

from hypothesis import given, settings

from revc.grammar import ast
from revc.grammar.parser import parse_or_raise
from revc.grammar.record import plain
from tests.grammar.corpus import in_body
from tests.grammar.trees import files


@settings(deadline=None, max_examples=50)
@given(files, files)
def test_same_is_equality_of_what_is_said(one, two):
    assert one.same(one)
    assert one.same(two) == (plain(one) == plain(two))


def test_same_does_not_look_at_places():
    near, far = parse_or_raise("dim B, d = 2"), parse_or_raise("\n\n  dim B,   d=2")
    assert near.same(far)
    assert near != far
    assert not near.same(parse_or_raise("dim B, d = 3"))
    assert not near.same(parse_or_raise("dim B, d"))
    assert not near.same(near.items[0])


def test_walk_yields_all_nodes_in_the_order_of_the_source():
    names = [
        n for n in ast.walk(parse_or_raise(in_body("b += F(c, h = d) + e[f]"))) if n.span.line == 2
    ]
    assert [n.id for n in names if isinstance(n, ast.Name)] == ["b", "c", "d", "e", "f"]
    assert isinstance(names[0], ast.Update)


def test_deep_trees_are_walked_and_compared_without_recursion():
    text = in_body(f"let v = {'F(' * 190}x{')' * 190}")
    one, two = parse_or_raise(text), parse_or_raise(text)
    assert one.same(two)
    assert sum(isinstance(node, ast.Call) for node in ast.walk(one)) == 190
