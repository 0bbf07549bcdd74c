"""Scikit-learn's handwritten digits, and the training loop of the examples that use them.

1797 images of 8x8 pixels in 17 grey levels (E. Alpaydin and C. Kaynak, "Optical Recognition of
Handwritten Digits", UCI, 1998). They come with the package: ``pip install scikit-learn``.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from torch import Tensor, nn

HELD_OUT, LEVELS = 360, 17
BATCH, WARM_UP = 64, 50


class MissingDataError(Exception):
    """The package that has the data is not installed."""


@dataclass(frozen=True)
class Split:
    """Images, int64 [N, 1, 8, 8] in [0, 17), and the digits that they show, int64 [N]."""

    images: Tensor
    labels: Tensor


def digits() -> tuple[Split, Split]:
    """Return 1437 images to learn from and 360 to be judged by, split at random, always alike.

    Raises:
        MissingDataError: scikit-learn is not installed.
    """
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise MissingDataError("the digits come with scikit-learn: pip install scikit-learn "
                               "(`make setup` does)") from error  # fmt: skip
    data = load_digits()
    images = torch.from_numpy(data.images).long()[:, None]
    labels = torch.from_numpy(data.target).long()
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(0))
    held, kept = order[:HELD_OUT], order[HELD_OUT:]
    return Split(images[kept], labels[kept]), Split(images[held], labels[held])


def fit(
    model: nn.Module, loss: Callable[[Tensor], Tensor], count: int, steps: int, peak: float,
    decay: float = 0.1,
) -> list[float]:  # fmt: skip
    """Train on random batches; return the loss of each step.

    Args:
        model: whose parameters are trained.
        loss: from the numbers of 64 examples, int64 [64], to a 0-dim loss.
        count: how many examples there are.
        steps: steps of AdamW: a rise of the learning rate, then a cosine.
        peak: the highest learning rate.
        decay: AdamW's weight decay.
    """
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=peak, betas=(0.9, 0.99), weight_decay=decay
    )
    generator, found = torch.Generator().manual_seed(0), []
    with bar() as progress:
        task = progress.add_task("training", total=steps, loss="")
        for step in range(steps):
            optimizer.param_groups[0]["lr"] = peak * rate(step, steps)
            value = loss(torch.randint(count, (BATCH,), generator=generator))
            optimizer.zero_grad()
            value.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            found.append(float(value.detach()))
            progress.update(task, advance=1, loss=f"{found[-1]:.3f} bits")
    return found


def rate(step: int, steps: int) -> float:
    """Return the share of the peak learning rate at a step."""
    return min(1.0, (step + 1) / WARM_UP) * (0.505 + 0.495 * math.cos(math.pi * step / steps))


def bar() -> Progress:
    """Return a progress bar that shows the loss."""
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[loss]}"))
    return Progress(*columns, TimeRemainingColumn(), transient=True)
