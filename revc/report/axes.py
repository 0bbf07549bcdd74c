"""Axes of charts: values to pixels, round ticks, the grid."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from revc.report.svg import element, words


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


@dataclass(frozen=True)
class Axes:
    """Two scales, whose ends are ticks; `y` goes upwards, so it starts at the larger pixel."""

    x: Scale
    y: Scale
    x_ticks: list[float]
    y_ticks: list[float]

    def grid(self, upright: bool) -> Iterator[str]:
        """Yield the ticks' numbers and a line across for each of y, with `upright` for x too."""
        for tick in self.y_ticks:
            yield self.line("grid", self.x.low, tick, self.x.high, tick)
            yield words(self.x.start - 8, self.y(tick) + 4, f"{tick:g}", text_anchor="end")
        for tick in self.x_ticks:
            if upright:
                yield self.line("grid", tick, self.y.low, tick, self.y.high)
            yield words(self.x(tick), self.y.start + 18, f"{tick:g}", text_anchor="middle")

    def line(self, kind: str, x1: float, y1: float, x2: float, y2: float) -> str:
        """Return a straight line between two points."""
        (a, b), (c, d) = (self.x(x1), self.y(y1)), (self.x(x2), self.y(y2))
        return element("line", class_=kind, x1=a, y1=b, x2=c, y2=d)
