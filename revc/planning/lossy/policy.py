"""Which segments keep codes, and with how many bits: gradients err no more than is allowed.

The error of each segment's gradients at each width is measured on the example, alone; errors of
several are taken to be independent, so that their squares add up. At a price for a squared error
each segment has one best width, and the planner then chooses who uses it. The lowest price that
keeps the allowance is searched for, and the plan that is found is measured as a whole.
"""

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from revc.passes.schedule.stages import Coding, Stage
from revc.planning.lossy import code
from revc.planning.modules.costs import Segment
from revc.planning.modules.step import untouched
from revc.planning.modules.values import wanted

WIDTHS = (2.0, 4.0, 6.0, 8.0)
"""Bits a value that are tried."""
OPERATIONS = 5000.0
"""What coding and decoding a value costs, where times are not measured: 0.2 us at 25 GFLOP/s."""
_PRICES = 12


@dataclass(frozen=True)
class Width:
    """A segment's codes at so many bits a value: what is kept, and the squared gradient error."""

    bits: float
    kept: int
    values: int
    error: float


def widths(
    segment: Segment, saved: Sequence[Tensor], stage: Stage, errors: Mapping[float, float]
) -> list[Width]:
    """Return the widths at which a segment keeps less than if it were saved."""
    coded = [one for one in saved if code.fits(one)]
    values = sum(one.numel() for one in coded)
    others = sum(one.untyped_storage().nbytes() for one in saved if not code.fits(one))
    whole = stage.resid + stage.keeps_in + stage.keeps_out
    found = []
    for bits, error in errors.items():
        kept = others + sum(code.cap(one, bits) for one in coded)
        if kept < whole:
            found.append(Width(bits, kept, values, error**2))
    return found


def coding(one: Width, cost: float) -> Coding:
    """Return what the planner asks of a width; while it codes, a chunk's models are there too."""
    return Coding(one.kept, one.kept // 2 + 40 * code.CHUNK, one.values * cost)


def at_price(options: Mapping[int, Sequence[Width]], price: float) -> dict[int, Width]:
    """Return each segment's best width at a price for a squared error, in bytes."""
    return {
        number: min(found, key=lambda one: (one.kept + price * one.error, one.bits))
        for number, found in options.items()
        if found
    }


def prices(options: Mapping[int, Sequence[Width]]) -> Iterator[float]:
    """Yield prices from one at which errors hardly count to one at which bytes hardly do."""
    errors = [one.error for found in options.values() for one in found if one.error > 0]
    if not errors:
        yield 0.0
        return
    kept = [one.kept for found in options.values() for one in found]
    low, high = math.log(1e-3 / max(errors)), math.log(10 * (max(kept) + 1) / min(errors))
    yield from (math.exp(low + (high - low) * i / (_PRICES - 1)) for i in range(_PRICES))


def coding_seconds() -> float:
    """Return the seconds that coding and decoding a value takes."""
    value = torch.randn(4, 128, 64, generator=torch.Generator().manual_seed(0))
    taken = []
    for _ in range(3):  # the first builds what later ones find
        start = time.process_time()
        made = code.encode(value, 4.0)
        assert made is not None
        code.decode(made)
        taken.append(time.process_time() - start)
    return min(taken) / value.numel()


def gradients(
    module: nn.Module, given: Sequence[Tensor], device: torch.device, weights: int = 0
) -> list[Tensor]:
    """Return the gradients of a random linear function of the results; `weights` is its seed."""
    with untouched(module, device):
        torch.manual_seed(weights)
        found = wanted(module(*given))
        made = torch.Generator(device).manual_seed(weights)
        cotangents = [
            torch.randn(v.shape, generator=made, device=device).to(v.dtype) for v in found
        ]
        leaves: list[Tensor] = [p for p in module.parameters() if p.requires_grad]
        leaves += [one for one in given if one.requires_grad]
        if not found or not leaves:
            return []
        grads = torch.autograd.grad(found, leaves, cotangents, allow_unused=True)
        return [g for g in grads if g is not None]


def relative(found: Sequence[Tensor], exact: Sequence[Tensor]) -> float:
    """Return the L2 norm of the difference of gradients, as a share of that of the exact ones."""
    pairs = zip(found, exact, strict=True)
    off = math.fsum(float((a.double() - b.double()).square().sum()) for a, b in pairs)
    whole = math.fsum(float(b.double().square().sum()) for b in exact)
    return math.sqrt(off / whole) if whole else math.sqrt(off)


def errors(
    count: int, run: Callable[[int, float], Sequence[Tensor]], exact: Sequence[Tensor]
) -> list[dict[float, float]]:
    """Return the gradient error of each segment at each width, if it alone keeps codes."""
    return [
        {bits: relative(run(number, bits), exact) for bits in WIDTHS}
        for number in range(1, count + 1)
    ]
