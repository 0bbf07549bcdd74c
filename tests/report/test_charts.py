"""Charts are XML whose shapes lie where their values say."""

import re
from xml.etree import ElementTree

import pytest

from revc.report.axes import Scale, ticks
from revc.report.charts import Line, Mark, bars, histogram, line_chart, strip, thin, unit_square


@pytest.mark.parametrize(
    ("low", "high", "found"),
    [(0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1.0]), (0, 8.1, [0, 2, 4, 6, 8, 10]), (0, 0, [0])],
)
def test_ticks_are_round_and_enclose(low: float, high: float, found: list[float]) -> None:
    assert ticks(low, high) == pytest.approx(found)


def test_a_scale_maps_its_ends() -> None:
    scale = Scale(0, 10, 300, 100)
    assert (scale(0), scale(5), scale(10)) == (300, 200, 100)


def test_thinning_keeps_the_peak_and_the_order() -> None:
    y = [0.0] * 1000
    y[617] = 5.0
    x, kept = thin(list(range(1000)), y, most=50)
    assert len(kept) <= 50
    assert max(kept) == 5.0
    assert x[kept.index(5.0)] == 617
    assert x == sorted(x)


def test_the_chart_is_xml_with_a_line_each_inside_its_box() -> None:
    lines = [Line("a < b", [0, 1, 2], [3, 1, 2], 1), Line("c", [0, 2], [0, 1], 2)]
    chart = line_chart(lines, "seconds", "bits & bytes")
    root = ElementTree.fromstring(f"<div>{chart}</div>")
    drawn = root.findall(".//polyline")
    assert [line.findtext("title") for line in drawn] == ["a < b", "c"]
    points = [float(n) for line in drawn for n in re.split("[ ,]", line.attrib["points"])]
    assert min(points) >= 0
    assert max(points[::2]) <= 720
    assert max(points[1::2]) <= 320


def shapes(figure: str, tag: str, kind: str) -> list[dict[str, str]]:
    found = ElementTree.fromstring(figure).findall(f".//{{*}}{tag}")
    return [one.attrib for one in found if kind in one.attrib.get("class", "").split()]


def test_bars_stand_on_zero_and_those_below_hang_from_it() -> None:
    figure = bars("bits & bytes", {"a < b": [3.0, -1.0], "c": [0.5, 2.0]}, ["one", "two"])
    first, second = (shapes(figure, "rect", kind) for kind in ("c1", "c2"))
    up, down = ((float(bar["y"]), float(bar["height"])) for bar in first)
    assert up == (0.0, 90.0)
    assert down == (90.0, 30.0)
    for bar in second:
        assert float(bar["y"]) + float(bar["height"]) == pytest.approx(90.0)
    keys = [span.text for span in ElementTree.fromstring(figure).iter("i")]
    assert len(keys) == 2


def test_a_histogram_counts_every_value() -> None:
    figure = histogram("gaps", [0.0, 0.5, 0.5, 1.0])
    titles = [title.text for title in ElementTree.fromstring(figure).iter("title")]
    assert sum(map(int, map(str, titles))) == 4
    assert "gaps: 4 values" in figure


def test_a_strip_has_a_cell_a_value() -> None:
    figure = strip("boundaries", [1.0, 0.0, 1.0])
    assert len(shapes(figure, "rect", "agree")) == 2
    (wrong,) = shapes(figure, "rect", "differ")
    assert float(wrong["x"]) == 24.0


def test_marks_lie_in_the_unit_square() -> None:
    marks = [Mark(0.0, 0.0, 0.1, "a < b"), Mark(1.0, 0.5, 0.25, "c")]
    text = unit_square(marks, "x & y", "z")
    drawn = shapes(text, "circle", "mark")
    assert [(float(m["cx"]), float(m["cy"])) for m in drawn] == [(64.0, 344.0), (384.0, 184.0)]
    low, half = shapes(text, "line", "reach")
    assert (float(low["y1"]), float(low["y2"])) == (344.0, 312.0), "no reach below zero"
    assert (float(half["y1"]), float(half["y2"])) == (264.0, 104.0)
