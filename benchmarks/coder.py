"""The entropy coder against constriction, its models against their entropy, and a GPU if any.

    python -m benchmarks.coder [--json] [--rounds N] [--size LOG2]

CPU speeds are symbols by processor time of the one thread that works, so that other processes do
not count; ours and the peer's run in turn, and the best round of each is compared. Without
constriction, or without CUDA, their rows are left out.
"""

from __future__ import annotations

import argparse
import importlib
import json
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from rich.console import Console
from rich.table import Table as RichTable
from torch import Tensor

from revc.runtime.bits import BitStack, Mode
from revc.runtime.bits.constants import LENGTH_UNIT, UNIT
from revc.runtime.bits.dist import (
    Distribution,
    FloatBits,
    Gaussian,
    Logistic,
    Mixture,
    Table,
)
from revc.runtime.bits.gridops import snap_window


@dataclass(frozen=True)
class Row:
    """One figure. ``target`` is the least it may be, or the most if ``most``."""

    name: str
    value: float
    unit: str
    target: float | None = None
    most: bool = False

    @property
    def met(self) -> bool | None:
        """Whether the target is met; None without one."""
        if self.target is None:
            return None
        return self.value <= self.target if self.most else self.value >= self.target


class Times:
    """Best time of each named call over interleaved rounds."""

    def __init__(self) -> None:
        self.best: dict[str, float] = {}

    def run(self, name: str, call: Callable[..., Any], *arguments: Any) -> Any:
        start = time.thread_time()
        result = call(*arguments)
        self.best[name] = min(time.thread_time() - start, self.best.get(name, math.inf))
        return result

    def ratio(self, ours: str, theirs: str) -> float:
        return self.best[theirs] / self.best[ours]

    def rate(self, name: str, count: int) -> float:
        return count / self.best[name] / 1e6


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def geometric_table() -> Table:
    """64 symbols, 2.6 octaves of entropy: the table of the design's own measurements."""
    return Table.from_probabilities(2.0 ** (-torch.arange(64) / 6.0))


def table_speed(count: int, rounds: int) -> Iterator[Row]:
    """A fixed table: ours against constriction's Categorical."""
    table, times = geometric_table(), Times()
    p = table.freq.double() / 65536
    symbols = torch.multinomial(p, count, replacement=True, generator=generator(1)).int()[None]
    stack, peer, theirs = BitStack(1), constriction(), symbols[0].numpy()
    for _ in range(rounds):
        times.run("push", stack.push, symbols, table)
        popped = times.run("pop", stack.pop, table, symbols.shape)
        if peer:
            model = peer.stream.model.Categorical(p.numpy(), perfect=False)
            coder = peer.stream.stack.AnsCoder()
            times.run("encode", coder.encode_reverse, theirs, model)
            times.run("decode", coder.decode, model, count)
    check(popped, symbols, stack)
    yield Row("fixed table, push", times.rate("push", count), "Msymbol/s")
    yield Row("fixed table, pop", times.rate("pop", count), "Msymbol/s")
    if peer:
        yield Row("fixed table, push / constriction", times.ratio("push", "encode"), "x", 1.1)
        yield Row("fixed table, pop / constriction", times.ratio("pop", "decode"), "x", 3.5)


def window_speed(count: int, rounds: int) -> Iterator[Row]:
    """Parameters per symbol: on the grid and snapped from floats, against QuantizedGaussian."""
    times = Times()
    loc = torch.randn((1, count), generator=generator(2)) * 30
    scale = torch.exp(torch.rand((1, count), generator=generator(3)) * math.log(16)) / 2
    noise = torch.randn((1, count), generator=generator(4))
    symbols = torch.round(loc + scale * noise).int()
    grid = snap_window(None, loc, scale, 1.0)
    models: dict[str, Distribution] = {
        "logistic": Logistic.from_grid(*grid),
        "gaussian": Gaussian.from_grid(*grid),
        "logistic from floats": Logistic(loc, scale),
    }
    stack, peer, theirs = BitStack(1), constriction(), symbols[0].numpy()
    means, widths = loc[0].double().numpy(), scale[0].double().numpy()
    for _ in range(rounds):
        for name, model in models.items():
            times.run(f"push {name}", stack.push, symbols, model)
            popped = times.run(f"pop {name}", stack.pop, model)
            check(popped, symbols, stack)
        if peer:
            family = peer.stream.model.QuantizedGaussian(-1000, 1000)
            coder = peer.stream.stack.AnsCoder()
            times.run("encode", coder.encode_reverse, theirs, family, means, widths)
            times.run("decode", coder.decode, family, means, widths)
    for name in models:
        for verb, peers, target in (("push", "encode", 4.0), ("pop", "decode", 2.5)):
            yield Row(f"{name}, {verb}", times.rate(f"{verb} {name}", count), "Msymbol/s")
            if peer:
                wanted = target if name != "logistic from floats" else None
                ratio = times.ratio(f"{verb} {name}", peers)
                yield Row(f"{name}, {verb} / QuantizedGaussian", ratio, "x", wanted)


def scale_speed(count: int, rounds: int) -> Iterator[Row]:
    """Exact scaling by gates in [1/64, 1), and its bits against -log2 of the determinant."""
    times = Times()
    n = torch.randint(1 << 9, 1 << 15, (1, count), generator=generator(5))
    x = torch.randint(-(1 << 28), 1 << 28, n.shape, generator=generator(6)).int()
    stack = BitStack(1)
    for _ in range(rounds):
        before = stack.size()
        y = times.run("scale", stack.scale, x, n, 15)
        grown = float(stack.size() - before) / UNIT
        back = times.run("unscale", stack.unscale, y, n, 15)
    check(back, x, stack)
    drift = abs(grown - float((15 - torch.log2(n.double())).sum())) / count
    yield Row("exact scaling, forward", times.rate("scale", count), "Melement/s", 80.0)
    yield Row("exact scaling, inverse", times.rate("unscale", count), "Melement/s")
    yield Row("exact scaling, bits beside -log2|det J|", drift, "bit/element", 1e-6, most=True)


def excess() -> Iterator[Row]:
    """The coder beyond its table, the integer models beyond the real ones, float patterns."""
    table, count = geometric_table(), 1 << 20
    p = table.freq.double() / 65536
    symbols = torch.multinomial(p, count, replacement=True, generator=generator(7)).reshape(4, -1)
    for mode, target in ((Mode.WIDE, 1e-6), (Mode.FAST, None)):
        stack = BitStack(4, mode=mode)
        before = stack.size()
        stack.push(symbols, table)
        gap = float((stack.size() - before - table.shannon(symbols)).sum()) / UNIT / count
        yield Row(f"coder beyond its table, {mode.name}", gap, "bit/symbol", target, most=True)
    for name, made, reach in windows():
        lengths, real = made
        worst = ((lengths / LENGTH_UNIT - real) * torch.exp2(-real)).sum(-1)
        yield Row(f"integer {name} beyond the real one, mean", float(worst.mean()), "bit/symbol",
                  0.005, most=True)  # fmt: skip
        yield Row(f"integer {name} beyond the real one, most of {reach}", float(worst.max()),
                  "bit/symbol", 0.005, most=True)  # fmt: skip
    for dtype, target in ((torch.bfloat16, 0.662), (torch.float16, None), (torch.float32, None)):
        values = torch.randn((1, 1 << 18), generator=generator(8)).to(dtype)
        stack = BitStack(1)
        before = stack.size()
        stack.push(values, FloatBits(dtype))
        part = float(stack.size() - before) / UNIT / values.numel() / values.element_size() / 8
        yield Row(
            f"{dtype} of N(0,1)".removeprefix("torch."), part, "of raw size", target, most=True
        )


def windows() -> Iterator[tuple[str, tuple[Tensor, Tensor], int]]:
    """(name, (integer lengths, real lengths) [models, symbols], models)."""
    models = 200
    scale = torch.exp(torch.rand((models, 1), generator=generator(9)).double() * 4.8) / 2
    loc = torch.rand((models, 1), generator=generator(10)).double() * 10 - 5
    symbols = torch.arange(-1300, 1301).expand(models, -1)
    loc, scale = loc.expand(symbols.shape), scale.expand(symbols.shape)
    offsets = torch.tensor([-1.0, 0.3, 2.0]).double()
    where = loc[..., None] + offsets * scale[..., None]
    for name, model in (
        ("logistic", Logistic(loc, scale)),
        ("gaussian", Gaussian(loc, scale)),
        (
            "mixture of three",
            Mixture(offsets.expand(where.shape), where, scale[..., None] + 0 * where),
        ),
    ):
        yield name, (model.exact_length(symbols), model.code_length(symbols)), models


def check(found: Tensor, wanted: Tensor, stack: BitStack) -> None:
    """A speed counts only if the symbols came back and the stack is as it was."""
    if not torch.equal(found, wanted) or not bool(stack.untouched().all()):
        raise RuntimeError("the round trip failed: its speed means nothing")


def constriction() -> Any:
    """The peer, or None where it is not installed."""
    try:
        return importlib.import_module("constriction")
    except ImportError:
        return None


def on_gpu(rounds: int) -> Iterator[Row]:
    """Push and pop in GB/s of raw data beside the device's own copy."""
    for size in (2 << 20, 16 << 20, 1 << 30):
        name = f"{size >> 20} MB"
        source = torch.empty(size, dtype=torch.uint8, device="cuda")
        target = torch.empty_like(source)
        copy, _ = gpu_seconds(rounds, target.copy_, source)
        yield Row(f"GPU copy, {name}", 2 * size / copy / 1e9, "GB/s")
        table = Table.from_probabilities(2.0 ** (-torch.arange(256) / 24.0), dtype=torch.uint8)
        table = Table(table.freq.cuda(), dtype=torch.uint8)
        p = table.freq.double() / 65536
        data = torch.multinomial(p, 1 << 20, replacement=True).to(torch.uint8)
        data = data.repeat(size >> 20)[None]
        yield from gpu_rows(f"GPU bytes, {name}", data, table, rounds)
        values = torch.randn((1, size // 2), device="cuda", dtype=torch.bfloat16)
        yield from gpu_rows(
            f"GPU bf16, {name}", values, FloatBits(torch.bfloat16, device="cuda"), rounds
        )


def gpu_rows(name: str, data: Tensor, model: Distribution, rounds: int) -> Iterator[Row]:
    """Rates of one kind of data, after a check of the round trip."""
    lanes = max(1 << 10, min(1 << 18, data.numel() // 256))
    stack = BitStack(1, lanes, device="cuda")
    size = data.numel() * data.element_size()
    pushes, pops = [], []
    for _ in range(rounds):
        pushes.append(gpu_seconds(1, stack.push, data, model)[0])
        seconds, out = gpu_seconds(1, stack.pop, model, data.shape)
        pops.append(seconds)
        same = torch.equal(out.view(torch.uint8), data.view(torch.uint8))
        if not same or not bool(stack.untouched().all()):
            raise RuntimeError(f"{name}: the round trip failed")
    yield Row(f"{name}, push", size / min(pushes) / 1e9, "GB/s")
    yield Row(f"{name}, pop", size / min(pops) / 1e9, "GB/s")


def gpu_seconds(rounds: int, call: Callable[..., Any], *arguments: Any) -> tuple[float, Any]:
    """Best device time of a call, and its last result."""
    best, result = math.inf, None
    for _ in range(rounds):
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        torch.cuda.synchronize()
        start.record()
        result = call(*arguments)
        end.record()
        torch.cuda.synchronize()
        best = min(best, start.elapsed_time(end) / 1e3)
    return best, result


def show(rows: list[Row]) -> None:
    """Print the rows as a table."""
    table = RichTable(title="coder", title_justify="left")
    for heading in ("what", "value", "unit", "target", "met"):
        table.add_column(heading, justify="right" if heading == "value" else "left")
    words = {None: "", True: "yes", False: "no"}
    for row in rows:
        sign = "<=" if row.most else ">="
        target = "" if row.target is None else f"{sign} {row.target:g}"
        table.add_row(row.name, f"{row.value:.4g}", row.unit, target, words[row.met])
    Console().print(table)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--json", action="store_true", help="print an array of rows")
    parser.add_argument("--rounds", type=int, default=9, help="interleaved rounds (9)")
    parser.add_argument("--size", type=int, default=21, help="log2 of the symbols (21)")
    options = parser.parse_args()
    torch.set_num_threads(1)
    count = 1 << options.size
    rows = [
        *table_speed(count, options.rounds),
        *window_speed(count // 2, options.rounds),
        *scale_speed(count, options.rounds),
        *excess(),
    ]
    if torch.cuda.is_available():
        rows += on_gpu(options.rounds)
    if options.json:
        keys = ("name", "value", "unit", "target", "met")
        print(json.dumps([{key: getattr(row, key) for key in keys} for row in rows], indent=1))
    else:
        show(rows)


if __name__ == "__main__":
    main()
