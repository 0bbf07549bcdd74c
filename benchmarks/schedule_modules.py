"""Plans of module lists beside torch's checkpoint_sequential, at equal peak.

    python -m benchmarks.schedule_modules [--json] [--budgets 10]

Peaks are the allocator's (revc/planning/meter.py), of a forward pass and a backward pass from
gradients of the result's size, with gradients of the parameters that are there already. Operations
are those of matrix products, convolutions and attention that a step does more than a plain one, as
torch counts them. checkpoint_sequential is given each number of segments; the plan is given the
peak that it was measured at.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint_sequential

import revc
from benchmarks.flops import FlopCounter
from benchmarks.nets import Layer, Size, layers
from benchmarks.rows import Row, as_json, print_table
from revc.planning.modules.step import measured, train

CPU = torch.device("cpu")


class Streams(nn.Module):
    """A layer of benchmarks/nets.py, on both streams at once."""

    def __init__(self, layer: Layer) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, both: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        a, b = self.layer(*both)
        return a, b


class Halves(nn.Module):
    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        a, b = x.chunk(2, -1)
        return a.contiguous(), b.contiguous()


class Whole(nn.Module):
    def forward(self, both: tuple[Tensor, Tensor]) -> Tensor:
        return torch.cat(both, -1)


class Sequentially(nn.Module):
    """checkpoint_sequential with a number of segments."""

    def __init__(self, net: nn.Sequential, segments: int) -> None:
        super().__init__()
        self.net, self.segments = net, segments

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = checkpoint_sequential(self.net, self.segments, x, use_reentrant=False)
        return out


def transformer(count: int = 12) -> tuple[nn.Sequential, Tensor]:
    """Layers that are all alike, between halves and a head."""
    size = Size(count)
    stack = (Streams(layer) for layer in layers(size))
    width = 2 * size.width
    net = nn.Sequential(nn.Linear(width, width), Halves(), *stack, Whole(), nn.Linear(width, 64))
    return net, torch.randn(size.batch, size.time, width)


def convolutions() -> tuple[nn.Sequential, Tensor]:
    """A net that narrows: no two segments are alike."""
    torch.manual_seed(0)
    net, before = nn.Sequential(), 3
    for width in (16, 16, 32, 32, 64, 64, 128):
        stride = 2 if width > before > 3 else 1
        net.append(nn.Conv2d(before, width, 3, stride=stride, padding=1))
        net.append(nn.BatchNorm2d(width)).append(nn.ReLU(inplace=True))
        before = width
    net.append(nn.AdaptiveAvgPool2d(1)).append(nn.Flatten()).append(nn.Linear(before, 10))
    return net, torch.randn(8, 3, 64, 64)


def flops(module: nn.Module, x: Tensor) -> int:
    with FlopCounter() as counter:
        train(module, [x])
    return counter.total


def beside(title: str, net: nn.Sequential, x: Tensor) -> Iterator[Row]:
    """The plan at each peak of checkpoint_sequential."""
    plain, base = measured(net, [x], CPU), flops(net, x)
    yield Row(f"{title}, plain, peak", plain / 2**20, "MiB")
    for segments in (2, 4, 8):
        theirs = Sequentially(net, segments)
        peak, computed = measured(theirs, [x], CPU), flops(theirs, x) / base
        planned = revc.plan(net, x, memory=peak)
        own = measured(planned.module, [x], CPU)
        name = f"{title}, checkpoint_sequential({segments})"
        yield Row(f"{name}, peak", peak / 2**20, "MiB")
        yield Row(f"{name}, operations", computed, "x plain")
        yield Row(f"{title}, plan at that peak, peak", own / peak, "of it", 1.0)
        more = flops(planned.module, x) / base
        yield Row(f"{title}, plan at that peak, operations", more, "x plain", computed)


def budgets(title: str, net: nn.Sequential, x: Tensor, count: int) -> Iterator[Row]:
    """How plans at many budgets keep them, from the least that any fits."""
    full = revc.plan(net, x, memory=1 << 40).peak
    least = least_budget(net, x)
    yield Row(f"{title}, least peak", least / full, "of plain's")
    over, off, rises, last = 0.0, 0.0, 0, 0
    for index in range(count):
        memory = least + (full - least) * index // (count - 1)
        planned = revc.plan(net, x, memory=memory)
        found = measured(planned.module, [x], CPU)
        over, rises, last = max(over, found / memory), rises + (found < last), found
        off = max(off, abs(planned.counted / found - 1))
    yield Row(f"{title}, {count} budgets, the largest peak", over, "of its budget", 1.0)
    yield Row(f"{title}, {count} budgets, costs of segments off by at most", 100 * off, "%", 3.0)
    yield Row(f"{title}, {count} budgets, peaks that rise as they fall", rises, "budgets", 0)


def least_budget(net: nn.Sequential, x: Tensor) -> int:
    from revc.passes.schedule.errors import InfeasibleError

    try:
        return revc.plan(net, x, memory=0).peak
    except InfeasibleError as error:
        return error.least


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--json", action="store_true", help="print an array of rows")
    parser.add_argument("--budgets", type=int, default=10, help="between least and most (10)")
    options = parser.parse_args()
    found: list[Row] = []
    for title, (net, x) in (("transformer", transformer()), ("convolutions", convolutions())):
        found += [*beside(title, net, x), *budgets(title, net, x, options.budgets)]
    if options.json:
        print(as_json(found))
    else:
        print_table("plans of module lists", found)


if __name__ == "__main__":
    main()
