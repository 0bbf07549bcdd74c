"""Reliability diagrams: how often a prediction is right, against how often it is made.

Source: DeGroot, Fienberg, "The comparison and evaluation of forecasters" (1983).
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from revc.report.charts import Mark, unit_square


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
    return unit_square((_mark(each) for each in found), x_label, y_label)


def _mark(each: Bin) -> Mark:
    title = f"drawn {each.made:.2f}, right {each.right:.2f}, {each.count} predictions"
    return Mark(each.made, each.right, each.error, title)
