"""Line charts as SVG text; colours come from the page, so that they suit dark and light."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 720, 320
LEFT, RIGHT, TOP, BOTTOM = 64, 28, 16, 48


@dataclass(frozen=True)
class Line:
    """A named line; `slot` is the colour that the page gives it, from 1."""

    name: str
    x: Sequence[float]
    y: Sequence[float]
    slot: int


@dataclass(frozen=True)
class Scale:
    """A map from values to pixels."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """Return the pixel of a value."""
        share = (value - self.low) / ((self.high - self.low) or 1)
        return self.start + share * (self.end - self.start)


def ticks(low: float, high: float, about: int = 5) -> list[float]:
    """Return round numbers from at most `low` to at least `high`."""
    rough = (high - low) / about or 1
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(m * power for m in (1, 2, 5, 10) if m * power >= rough)
    first, last = math.floor(low / step), math.ceil(high / step)
    return [i * step for i in range(first, last + 1)]


def line_chart(lines: Sequence[Line], x_label: str, y_label: str) -> str:
    """Return one SVG with axes from zero up, a legend, and each line."""
    x_ticks = ticks(0, max(max(line.x) for line in lines))
    y_ticks = ticks(0, max(max(line.y) for line in lines))
    x = Scale(x_ticks[0], x_ticks[-1], LEFT, WIDTH - RIGHT)
    y = Scale(y_ticks[0], y_ticks[-1], HEIGHT - BOTTOM, TOP)
    parts = [
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(y_label)}">',
        *(_y_tick(y(t), t) for t in y_ticks),
        *(_text(x(t), HEIGHT - BOTTOM + 18, f"{t:g}", "middle") for t in x_ticks),
        _text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 8, x_label, "middle"),
        *(_polyline(line, x, y) for line in lines),
        "</svg>",
    ]
    return legend(lines, y_label) + "\n".join(parts)


def legend(lines: Sequence[Line], y_label: str) -> str:
    """Return the chart's heading: the unit and the lines' names beside their colours."""
    keys = "".join(
        f'<span class="key"><i class="c{line.slot}"></i>{escape(line.name)}</span>'
        for line in lines
    )
    return f'<p class="legend"><span>{escape(y_label)}</span>{keys}</p>\n'


def thin(
    x: Sequence[float], y: Sequence[float], most: int = 600
) -> tuple[list[float], list[float]]:
    """Return at most `most` points, of each bucket the highest, so that no peak is lost."""
    size = max(1, math.ceil(len(y) / most))
    kept = [max(range(i, min(i + size, len(y))), key=y.__getitem__) for i in range(0, len(y), size)]
    return [x[i] for i in kept], [y[i] for i in kept]


def _y_tick(at: float, value: float) -> str:
    rule = f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{at:.1f}" y2="{at:.1f}"/>'
    return rule + _text(LEFT - 8, at + 4, f"{value:g}", "end")


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _polyline(line: Line, x: Scale, y: Scale) -> str:
    points = " ".join(f"{x(a):.1f},{y(b):.1f}" for a, b in zip(line.x, line.y, strict=True))
    title = f"<title>{escape(line.name)}</title>"
    return f'<polyline class="line c{line.slot}" points="{points}">{title}</polyline>'
