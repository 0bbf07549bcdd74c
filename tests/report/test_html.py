"""Pages are closed, escaped, and need nothing else."""

import re
from xml.etree import ElementTree

from revc.report.html import page, section, table
from revc.report.svg import document, element


def parsed(text: str) -> ElementTree.Element:
    closed = re.sub(r"<(meta[^>]*)>", r"<\1/>", text.removeprefix("<!doctype html>"))
    return ElementTree.fromstring(closed)


def test_the_page_is_closed_and_needs_nothing_else() -> None:
    text = page("T & T", [section("One", table(["", "x"], [["a<b", "1"]]))], "lead")
    parsed(text)
    assert "a&lt;b" in text
    assert "http" not in text
    assert "<script" not in text


def test_cells_may_have_a_class() -> None:
    rows = parsed(page("t", [table(["a", "b"], [["x", ("failed", "bad")]], numbers=True)]))
    plain, marked = rows.iter("td")
    assert (plain.attrib, marked.attrib) == ({}, {"class": "bad"})
    assert [one.attrib for one in rows.iter("table")] == [{"class": "numbers"}]


def test_what_is_text_is_escaped_in_elements() -> None:
    shown = element("text", "x", class_="a", text_anchor="end", x=1.5, aria_label='a < "b"')
    one = ElementTree.fromstring(shown)
    assert one.attrib == {"class": "a", "text-anchor": "end", "x": "1.5", "aria-label": 'a < "b"'}
    assert element("rect") == "<rect/>"


def test_a_picture_stands_alone() -> None:
    whole = ElementTree.fromstring(document(20, 10.5, "a & b", "", "kind", "text { }"))
    assert whole.attrib["viewBox"] == "0 0 20 10.5"
    assert whole.attrib["aria-label"] == "a & b"
