"""The demo's training loop: as many steps as fit in the given time."""

import math
import time
from dataclasses import dataclass, field

import torch
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from torch import Tensor, nn

from examples.arms import BATCH, TIME
from examples.corpus import Corpus, sample

PEAK_RATE, WARM_UP = 3e-3, 0.05  # learning rate, and the share of the time that it rises for


@dataclass
class History:
    """The loss of each step in bits per byte, and the seconds at which it was reached."""

    seconds: list[float] = field(default_factory=list)
    bits: list[float] = field(default_factory=list)

    def smoothed(self, over: int = 20) -> list[float]:
        """Return the running mean of the last steps."""
        starts = (max(0, i + 1 - over) for i in range(len(self.bits)))
        return [sum(self.bits[s : i + 1]) / (i + 1 - s) for i, s in enumerate(starts)]


def bits(nats: Tensor) -> float:
    """Return a cross-entropy per byte in bits."""
    return float(nats) / math.log(2)


@torch.no_grad()
def evaluate(model: nn.Module, text: Tensor, batches: int) -> float:
    """Return the mean loss in bits per byte on fixed windows of `text`."""
    generator = torch.Generator().manual_seed(1)
    found = [bits(model(*sample(text, BATCH, TIME, generator))) for _ in range(batches)]
    return sum(found) / batches


def rate(share: float) -> float:
    """Return the learning rate when `share` of the time has passed: a rise, then a cosine."""
    if share < WARM_UP:
        return PEAK_RATE * (share + 0.01) / (WARM_UP + 0.01)
    return PEAK_RATE * (0.1 + 0.45 * (1 + math.cos(math.pi * min(share, 1.0))))


def train(model: nn.Module, corpus: Corpus, seconds: float, progress: Progress) -> History:
    """Train for `seconds`, at least one step, and return the losses."""
    optimizer = torch.optim.AdamW(model.parameters(), betas=(0.9, 0.95), weight_decay=0.01)
    generator = torch.Generator().manual_seed(0)
    history, start = History(), time.perf_counter()
    task = progress.add_task("training", total=seconds, loss="")
    passed = 0.0
    while passed < seconds or not history.bits:
        for group in optimizer.param_groups:
            group["lr"] = rate(passed / seconds)
        loss = model(*sample(corpus.train, BATCH, TIME, generator))
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        passed = time.perf_counter() - start
        history.seconds.append(passed)
        history.bits.append(bits(loss.detach()))
        progress.update(task, completed=passed, loss=f"{history.bits[-1]:.2f} bits/byte")
    return history


def bar() -> Progress:
    """Return a progress bar that shows the loss."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[loss]}"),
        TimeRemainingColumn(),
    )
