"""Charts as SVG text; their colours come from `style`, so that they suit dark and light."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape

from revc.report.axes import Axes, Scale, ticks
from revc.report.style import CHART, PALETTE
from revc.report.svg import document, element, inline, words

_WIDTH, _BARS, _LINES, _SQUARE = 720, 120, 320, 320
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 28, 16, 48
_CELLS = 24


@dataclass(frozen=True)
class Line:
    """A named line through the points ``(x[i], y[i])``; `slot` is its colour, from 1."""

    name: str
    x: Sequence[float]
    y: Sequence[float]
    slot: int


@dataclass(frozen=True)
class Mark:
    """A point in the unit square, how far it may be off up and down, and what it says of itself."""

    x: float
    y: float
    reach: float
    title: str


def line_chart(lines: Sequence[Line], x_label: str, y_label: str) -> str:
    """Return a figure with axes from zero up, a legend, and each line."""
    x_ticks = ticks(0, max(max(line.x) for line in lines))
    y_ticks = ticks(0, max(max(line.y) for line in lines))
    x = Scale(x_ticks[0], x_ticks[-1], _LEFT, _WIDTH - _RIGHT)
    y = Scale(y_ticks[0], y_ticks[-1], _LINES - _BOTTOM, _TOP)
    axes = Axes(x, y, x_ticks, y_ticks)
    middle = (_LEFT + _WIDTH - _RIGHT) / 2
    body = [
        *axes.grid(upright=False),
        words(middle, _LINES - 8, x_label, text_anchor="middle"),
        *(_polyline(line, axes) for line in lines),
    ]
    return _figure(y_label, "\n".join(body), _LINES, {line.name: line.slot for line in lines})


def thin(
    x: Sequence[float], y: Sequence[float], most: int = 600
) -> tuple[list[float], list[float]]:
    """Return at most `most` points, of each bucket the highest, so that no peak is lost."""
    size = max(1, math.ceil(len(y) / most))
    kept = [max(range(i, min(i + size, len(y))), key=y.__getitem__) for i in range(0, len(y), size)]
    return [x[i] for i in kept], [y[i] for i in kept]


def strip(caption: str, agree: Sequence[float]) -> str:
    """Return a figure with a cell for each value: whether it is true."""
    width = min(24.0, _WIDTH / len(agree))
    cells = (
        element(
            "rect",
            class_="agree" if good else "differ",
            x=i * width, y=0, width=max(width - 1, 0.5), height=18,
        )
        for i, good in enumerate(agree)
    )  # fmt: skip
    return _figure(caption, "".join(cells), 18)


def bars(caption: str, series: Mapping[str, Sequence[float]], labels: Sequence[str]) -> str:
    """Return a figure with a group of bars for each label, a bar for each series.

    Bars of values below zero hang down.
    """
    values = [value for row in series.values() for value in row]
    low, high = min(0.0, *values), max(0.0, *values)
    scale = Scale(low, high, _BARS, 0)
    group = _WIDTH / len(labels)
    width = min(48.0, 0.8 * group / len(series))
    body = [
        _bar(g * group + i * width, width - 1, scale(max(v, 0.0)), scale(min(v, 0.0)), i + 1, v)
        for i, row in enumerate(series.values())
        for g, v in enumerate(row)
    ]
    body += [words(g * group, _BARS + 16, label) for g, label in enumerate(labels)]
    keys = {name: slot for slot, name in enumerate(series, 1)}
    return _figure(caption, "".join(body), _BARS + 22, keys)


def histogram(caption: str, values: Sequence[float]) -> str:
    """Return a figure of how many values lie in each of some equal cells from 0 to the largest."""
    top = max(values) or 1.0
    counts = [0] * _CELLS
    for value in values:
        counts[min(_CELLS - 1, int(_CELLS * value / top))] += 1
    width, scale = _WIDTH / _CELLS, Scale(0, max(counts), _BARS, 0)
    body = [_bar(i * width, width - 1, scale(n), _BARS, 1, n) for i, n in enumerate(counts)]
    body.append(words(0, _BARS + 16, "0"))
    body.append(words(_WIDTH, _BARS + 16, f"{top:.4g}", text_anchor="end"))
    return _figure(f"{caption}: {len(values)} values", "".join(body), _BARS + 22)


def unit_square(marks: Iterable[Mark], x_label: str, y_label: str) -> str:
    """Return a picture that stands alone: marks in the unit square, and its diagonal."""
    top = _TOP + 8
    wide, high = _LEFT + _SQUARE + 24, top + _SQUARE + 56
    steps = [tick / 5 for tick in range(6)]
    across = Scale(0, 1, _LEFT, _LEFT + _SQUARE)
    axes = Axes(across, Scale(0, 1, top + _SQUARE, top), steps, steps)
    turned = f"translate(18 {top + _SQUARE / 2:g}) rotate(-90)"
    body = [
        *axes.grid(upright=True),
        axes.line("even", 0, 0, 1, 1),
        *(_mark(mark, axes) for mark in marks),
        words(_LEFT + _SQUARE / 2, high - 16, x_label, text_anchor="middle"),
        words(0, 0, y_label, text_anchor="middle", transform=turned),
    ]
    return document(wide, high, y_label, "\n".join(body), "chart", PALETTE + CHART)


def _polyline(line: Line, axes: Axes) -> str:
    points = (f"{axes.x(a):.1f},{axes.y(b):.1f}" for a, b in zip(line.x, line.y, strict=True))
    kind = f"line c{line.slot}"
    return element("polyline", _title(line.name), class_=kind, points=" ".join(points))


def _mark(mark: Mark, axes: Axes) -> str:
    low, high = max(0.0, mark.y - mark.reach), min(1.0, mark.y + mark.reach)
    point = {"cx": axes.x(mark.x), "cy": axes.y(mark.y), "r": 4}
    reach = axes.line("reach c1", mark.x, low, mark.x, high)
    return reach + element("circle", _title(mark.title), class_="mark c1", **point)


def _bar(x: float, width: float, top: float, bottom: float, slot: int, value: float) -> str:
    size = {"x": x, "y": top, "width": max(width, 0.5), "height": max(bottom - top, 0.5)}
    return element("rect", _title(f"{value:.6g}"), class_=f"bar c{slot}", **size)


def _title(text: str) -> str:
    return element("title", escape(text))


def _figure(caption: str, body: str, height: float, slots: Mapping[str, int] | None = None) -> str:
    """Return a chart below its caption and, for each named colour, a key."""
    keys = "".join(
        f'<span class="key"><i class="c{slot}"></i>{escape(name)}</span>'
        for name, slot in (slots or {}).items()
    )
    drawn = inline(_WIDTH, height, caption, body, "chart")
    return f"<figure><figcaption>{escape(caption)}{keys}</figcaption>{drawn}</figure>"
