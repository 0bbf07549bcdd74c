"""The report: targets, JSON and the numbers in the table."""

import io
import json

import pytest
from rich.console import Console

from benchmarks.rows import Row, as_json, number, print_table


@pytest.mark.parametrize(
    ("value", "target", "met"),
    [(1.0, 1.0, True), (1.01, 1.0, False), (0.0, 0, True), (None, 1.0, False), (3.0, None, None)],
)
def test_a_target_is_the_most_a_value_may_be(
    value: float | None, target: float | None, met: bool | None
) -> None:
    assert Row("x", value, "S", target).met is met


def test_json_is_an_array_of_the_agreed_fields() -> None:
    rows = [Row("peak", 2.5, "S", 3.0), Row("time", None, "s", note="no such package")]
    assert json.loads(as_json(rows)) == [
        {"name": "peak", "value": 2.5, "unit": "S", "target": 3.0, "met": True},
        {
            "name": "time",
            "value": None,
            "unit": "s",
            "target": None,
            "met": None,
            "note": "no such package",
        },
    ]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "-"),
        (0, "0"),
        (20.0, "20"),
        (20.00782, "20.01"),
        (776.2512, "776.3"),
        (3e-7, "3e-07"),
    ],
)
def test_numbers_are_short(value: float | None, text: str) -> None:
    assert number(value) == text


def test_the_table_shows_what_was_missed_and_why() -> None:
    written = io.StringIO()
    rows = [
        Row("peak", 4.0, "S", 3.0),
        Row("other", 1.0, "S", 3.0),
        Row("third", None, "S", note="[no] such package"),
    ]
    print_table("A step", rows, Console(file=written, width=120))
    lines = written.getvalue().splitlines()
    missed, met = (line for line in lines if "<= 3" in line)
    assert "no" in missed
    assert "yes" in met
    assert lines[-1] == "third: [no] such package"
