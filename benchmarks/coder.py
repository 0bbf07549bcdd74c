"""The entropy coder against constriction, its models against their entropy, and a GPU if any.

    python -m benchmarks.coder [--json] [--rounds N] [--size LOG2]

CPU speeds are symbols by processor time of the one thread that works, so that other processes do
not count; ours and the peer's run in turn, and the best round of each is compared. Without
constriction, or without CUDA, their rows are left out.
"""

from __future__ import annotations

import argparse
import importlib
import math
import time
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from benchmarks.coder_gpu import on_gpu
from benchmarks.rows import Row, as_json, print_table
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
        for verb, peers, target in (("push", "encode", 1.1), ("pop", "decode", 3.5)):
            ratio = times.ratio(verb, peers)
            yield Row(f"fixed table, {verb} / constriction", ratio, "x", target, least=True)


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
                yield Row(f"{name}, {verb} / QuantizedGaussian", ratio, "x", wanted, least=True)


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
    yield Row("exact scaling, forward", times.rate("scale", count), "Melement/s", 80.0, least=True)
    yield Row("exact scaling, inverse", times.rate("unscale", count), "Melement/s")
    yield Row("exact scaling, bits beside -log2|det J|", drift, "bit/element", 1e-6)


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
        yield Row(f"coder beyond its table, {mode.name}", gap, "bit/symbol", target)
    for name, made, reach in windows():
        lengths, real = made
        worst = ((lengths / LENGTH_UNIT - real) * torch.exp2(-real)).sum(-1)
        yield Row(f"integer {name} beyond the real one, mean", float(worst.mean()), "bit/symbol",
                  0.005)  # fmt: skip
        yield Row(f"integer {name} beyond the real one, most of {reach}", float(worst.max()),
                  "bit/symbol", 0.005)  # fmt: skip
    for dtype, target in ((torch.bfloat16, 0.662), (torch.float16, None), (torch.float32, None)):
        values = torch.randn((1, 1 << 18), generator=generator(8)).to(dtype)
        stack = BitStack(1)
        before = stack.size()
        stack.push(values, FloatBits(dtype))
        part = float(stack.size() - before) / UNIT / values.numel() / values.element_size() / 8
        yield Row(f"{dtype} of N(0,1)".removeprefix("torch."), part, "of raw size", target)


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
        print(as_json(rows))
    else:
        print_table("coder", rows)


if __name__ == "__main__":
    main()
