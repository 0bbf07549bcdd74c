"""Deep, long and strange text: an answer in good time, and no traceback."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from revc.grammar import ast
from revc.grammar.parser import parse, parse_or_raise
from revc.grammar.printer import print_file
from revc.grammar.reader import MAX_FINDINGS
from tests.grammar.corpus import SPECS, in_body

DEEP = 10_000


@pytest.mark.parametrize(
    "text",
    [
        in_body(f"a += {'(' * DEEP}b{')' * DEEP}"),
        in_body(f"a += {'F(' * DEEP}b{')' * DEEP}"),
        in_body(f"a += {'-' * DEEP}b"),
        in_body(f"a += {'b + ' * DEEP}b"),
        in_body(f"a += {'b * ' * DEEP}b"),
        in_body("undo " * DEEP + "swap a, b"),
        in_body("repeat 2 { " * DEEP),
        "block A(a: [B]) {\n" + "repeat 2 {\n" * DEEP + "}\n" * (DEEP + 1),
        f"dim d = {'[' * DEEP}",
    ],
    ids=["brackets", "calls", "signs", "sum", "product", "undo", "open", "loops", "list"],
)
def test_deep_nesting_is_one_finding(text):
    start = time.perf_counter()
    (found,) = parse(text).diagnostics
    assert time.perf_counter() - start < 2
    assert (found.code, found.message) == ("S001", "this nests more than 200 levels deep")


def test_what_nests_less_deeply_parses_and_prints():
    text = in_body(f"a += {'F(' * 190}b{')' * 190}")
    assert parse(print_file(parse_or_raise(text))).diagnostics == ()
    loops = "block A(a: [B]) {\n" + "repeat 2 {\n" * 190 + "negate a\n" + "}\n" * 191
    assert parse_or_raise(print_file(parse_or_raise(loops))).same(parse_or_raise(loops))


def test_long_files_need_no_depth():
    block = parse_or_raise("block A(a: [B]) {\n" + "negate a\n" * 20_000 + "}\n").items[0]
    assert isinstance(block, ast.BlockDecl)
    assert len(block.body) == 20_000


@pytest.mark.parametrize(
    "text",
    [
        *("[" * 500_000, ")" * 200_000, '"' * 500_000, "é" * 500_000, "9" * 500_000),
        *("a += b\n" * 90_000, "block A(a: [B]) {\n a += F(" + "\n" * 500_000),
        "block A(a: [B]) {\n" + "a b\n" * 90_000,
    ],
    ids=["open", "close", "quotes", "letters", "digits", "top", "lines", "wrong"],
)
def test_large_nonsense_is_answered_in_good_time(text):
    start = time.perf_counter()
    assert 1 <= len(parse(text).diagnostics) <= MAX_FINDINGS
    assert time.perf_counter() - start < 5


HUGE = ("9" * 5000, "1e999", "1" + "0" * 60)
TINY = ("1e-301", "0e-30000000", "1e-" + "9" * 5000)


@pytest.mark.parametrize("number", [*HUGE, *TINY])
def test_numbers_beyond_reason(number):
    (found,) = parse(f"dim d = {number}").diagnostics
    assert found.message == "this number has too many digits"


def test_a_format_beyond_reason():
    assert len(parse(f"state lattice(Q{'9' * 6000}.2)").diagnostics) == 1


@settings(deadline=None, max_examples=200)
@given(st.text(max_size=60))
def test_any_text_has_an_answer(text):
    result = parse(text)
    assert all(d.code == "S001" for d in result.diagnostics)


@settings(deadline=None, max_examples=200)
@given(st.sampled_from(SPECS), st.data())
def test_a_spec_cut_and_pasted_has_an_answer(path, data):
    text = path.read_text()
    ends = data.draw(st.lists(st.integers(0, len(text)), min_size=4, max_size=4))
    (a, b), (c, d) = sorted(ends[:2]), sorted(ends[2:])
    result = parse(text[:a] + text[c:d] + text[b:])
    lines = text.count("\n") * 2 + 2
    assert all(1 <= d.span.line <= lines for d in result.diagnostics)
