"""Laws of layout: lines that brackets can shorten are short, and nothing but space changes."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from revc.grammar.layout import Doc, Form, bracket, lay_out, text

NARROW = Form(24, "  ")
data = st.recursive(
    st.integers(0, 999),
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(st.sampled_from("abcd"), inner),
    max_leaves=40,
)


def doc(value: object, whole: bool = False) -> Doc:
    if isinstance(value, dict):
        items = [text(f'"{key}": ', doc(part, whole)) for key, part in value.items()]
        return bracket("{}", items, comma=False, whole=whole)
    if isinstance(value, list):
        return bracket("[]", [doc(one, whole) for one in value], comma=False, whole=whole)
    return text(str(value))


@given(data, st.booleans())
def test_only_space_changes(value, whole):
    laid = lay_out(doc(value, whole), 0, NARROW)
    assert json.loads(laid) == value
    assert re.sub(r"\s", "", laid) == doc(value).flat.replace(" ", "")


@given(data, st.booleans())
def test_a_line_is_too_long_only_where_its_brackets_are_empty(value, whole):
    for line in lay_out(doc(value, whole), 0, NARROW).split("\n"):
        assert len(line) <= NARROW.width or not re.search(r"[\[{][^\]}\[{]", line)


@pytest.mark.parametrize("width", range(6, 10))
def test_the_comma_behind_an_item_counts(width):
    inner = bracket("[]", [text("aa"), text("b")])
    laid = lay_out(bracket("()", [inner, text("c" * 20)]), 0, Form(width, ""))
    assert ("[aa, b],\n" in laid) == (width >= len("[aa, b],"))


def test_the_items_of_a_call_stay_on_one_line_where_they_fit():
    items = [text("first"), text("second"), text("third")]
    call = text("function", bracket("()", items, whole=True))
    assert lay_out(call, 0, Form(24, "  ")) == "function(\n  first, second, third\n)"
    assert lay_out(call, 0, Form(21, "  ")) == "function(\n  first,\n  second,\n  third,\n)"


def test_a_tuple_of_one_keeps_its_comma():
    one = bracket("()", [text("item")], last=",")
    assert lay_out(one, 0, Form(9, "  ")) == "(item,)"
    assert lay_out(one, 0, Form(6, "  ")) == "(\n  item,\n)"
