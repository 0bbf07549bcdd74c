"""Reliability diagrams: how often a prediction is right, against how often it is made.

Source: DeGroot, Fienberg, "The comparison and evaluation of forecasters" (1983).
"""

from dataclasses import dataclass
from html import escape

import torch
from torch import Tensor

SIZE, LEFT, TOP = 320, 64, 24
STYLE = """
svg { --ink: #1b1f24; --soft: #59636e; --rule: #d8dde3; --page: #ffffff; --mark: #0b62d6; }
@media (prefers-color-scheme: dark) { svg { --ink: #e6eaee; --soft: #98a3ae; --rule: #323a42;
  --page: #14181c; --mark: #6ea8ff; } }
text { fill: var(--soft); font: 12px system-ui, sans-serif; }
.page { fill: var(--page); } .grid { stroke: var(--rule); }
.even { stroke: var(--soft); stroke-dasharray: 4 4; }
.mark { fill: var(--mark); } .reach { stroke: var(--mark); stroke-width: 1.5; }
"""


@dataclass(frozen=True)
class Bin:
    """Predictions of like frequency: its mean, how often they are right, and how many there are."""

    made: float
    right: float
    count: int

    @property
    def error(self) -> float:
        """The standard error of `right`, were predictions independent."""
        return (max(self.right * (1 - self.right), 0.25 / self.count) / self.count) ** 0.5


def bins(made: Tensor, labels: Tensor, parts: int = 10) -> list[Bin]:
    """Return the filled ones of `parts` bins of equal width.

    Args:
        made: how often each class was drawn for each example, float [N, K] in [0, 1]; pairs that
            were never drawn are no prediction.
        labels: the true classes, int64 [N].
        parts: how many bins there are.
    """
    right = torch.nn.functional.one_hot(labels, made.shape[-1])[made > 0].double()
    made = made[made > 0].double()
    place = (made * parts).long().clamp(max=parts - 1)
    found = (place == part for part in range(parts))
    return [
        Bin(float(made[at].mean()), float(right[at].mean()), int(at.sum()))
        for at in found
        if at.any()
    ]


def calibration_error(found: list[Bin]) -> float:
    """Return the mean distance of `right` from `made`, weighed by the number of predictions."""
    total = sum(each.count for each in found)
    return sum(each.count * abs(each.right - each.made) for each in found) / total


def diagram(found: list[Bin], x_label: str, y_label: str) -> str:
    """Return the diagram as one SVG that needs nothing else; bars are a standard error each way."""
    wide, high = LEFT + SIZE + 24, TOP + SIZE + 56
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide} {high}" width="{wide}" '
        f'height="{high}" role="img" aria-label="{escape(y_label)}">',
        f"<style>{STYLE}</style>",
        f'<rect class="page" width="{wide}" height="{high}"/>',
        *(_grid(tick / 5) for tick in range(6)),
        _line("even", 0, 0, 1, 1),
        *(_mark(each) for each in found),
        f'<text x="{LEFT + SIZE / 2:g}" y="{high - 16}" text-anchor="middle">'
        f"{escape(x_label)}</text>",
        f'<text transform="translate(18 {TOP + SIZE / 2:g}) rotate(-90)" text-anchor="middle">'
        f"{escape(y_label)}</text>",
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _grid(at: float) -> str:
    x, y = _at(at, at)
    return (
        _line("grid", 0, at, 1, at)
        + _line("grid", at, 0, at, 1)
        + f'<text x="{LEFT - 8}" y="{y + 4:g}" text-anchor="end">{at:g}</text>'
        + f'<text x="{x:g}" y="{TOP + SIZE + 18}" text-anchor="middle">{at:g}</text>'
    )


def _mark(each: Bin) -> str:
    x, y = _at(each.made, each.right)
    reach = (max(0.0, each.right - each.error), min(1.0, each.right + each.error))
    title = f"drawn {each.made:.2f}, right {each.right:.2f}, {each.count} predictions"
    return (
        _line("reach", each.made, reach[0], each.made, reach[1])
        + f'<circle class="mark" cx="{x:.1f}" cy="{y:.1f}" r="4"><title>{title}</title></circle>'
    )


def _line(kind: str, x1: float, y1: float, x2: float, y2: float) -> str:
    (a, b), (c, d) = _at(x1, y1), _at(x2, y2)
    return f'<line class="{kind}" x1="{a:.1f}" y1="{b:.1f}" x2="{c:.1f}" y2="{d:.1f}"/>'


def _at(x: float, y: float) -> tuple[float, float]:
    return LEFT + SIZE * x, TOP + SIZE * (1 - y)
