"""Steps that exchange remainders with a tape: exact scaling, and softsign on a lattice."""

import math

import torch
from torch import Tensor

from revc.runtime.bits.dist.uniform import WideUniform
from revc.runtime.bits.errors import ScaleOverflowError, SymbolError
from revc.runtime.metered.budgeting import refill
from revc.runtime.metered.plan import Site
from revc.runtime.metered.session import Session
from revc.runtime.state import softsign

GATE_BITS = 10
"""A factor is a multiple of 2**-GATE_BITS, at least one of them and at most 2**16."""


def gate(factor: Tensor, low: float, high: float) -> Tensor:
    """Return a factor in [low, high] as the number of 2**-GATE_BITS in it, int64."""
    one = 1 << GATE_BITS
    least, most = math.ceil(low * one), math.floor(high * one)
    if least > most:  # a range that holds no such number: the nearest one
        least = most = round((low + high) / 2 * one)
    bounds = max(1, least), min(1 << 16, max(1, most))
    return torch.round(factor.detach().double() * one).clamp(*bounds).long()


def scale(
    session: Session, raw: Tensor, factor: Tensor, bounds: tuple[float, float], site: Site,
    undo: bool,
) -> Tensor:  # fmt: skip
    """Return ``raw * factor`` exactly, or ``raw / factor``; the remainders go to the tape.

    Raises:
        ScaleOverflowError: a value leaves the lattice.
    """
    tape, meter = session.stacks[site.stack], site.meter
    finite = torch.isfinite(factor).all()
    tape.engine.faults.parameter(~finite, f"{meter}: a scale's factor has to be finite")
    n = gate(torch.nan_to_num(factor), *bounds)
    wide = session.arranged(raw).to(torch.int32)
    shared = n.numel() == 1  # one for all: the coder takes it as it is
    n = n.reshape(1, 1) if shared else session.arranged(n.expand(raw.shape).contiguous())
    run, back = (tape.unscale, tape.scale) if undo else (tape.scale, tape.unscale)
    result = run(wide, n, GATE_BITS)
    if raw.dtype == torch.int16:
        bad = (result.short() != result).any()
        if tape.engine.faults.check == "now" and bool(bad):
            back(result, n, GATE_BITS)
        tape.engine.faults.report(ScaleOverflowError, bad, f"{meter}: a value leaves int16")
    session.moved(site.stack, meter)
    refill(session, meter, wide.shape)
    return result.to(raw.dtype).reshape(raw.shape)


def squash(session: Session, raw: Tensor, site: Site, undo: bool) -> Tensor:
    """Return softsign of a lattice register, or its inverse; see `revc.runtime.state.softsign`.

    Raises:
        SymbolError: the inverse of a value that no softsign gives.
    """
    tape, coding = session.stacks[site.stack], site.coding
    bits = coding.fraction
    if not undo:
        result, remainder, count = softsign.softsign_forward(raw, bits)
        tape.push(session.arranged(remainder), WideUniform(session.arranged(count)))
    else:
        inside = softsign.softsign_in_range(raw, bits, coding.width)
        text = f"{site.meter}: a value that is undone is not between -1 and 1"
        tape.engine.faults.report(SymbolError, ~inside.all(), text)
        safe = torch.where(inside, raw, torch.zeros_like(raw))
        _, count = softsign.softsign_count(safe, bits)
        count = session.arranged(count)
        remainder = tape.pop(WideUniform(count), count.shape).reshape(raw.shape)
        result = softsign.softsign_inverse(safe, remainder, bits, coding.width)
    session.moved(site.stack, site.meter)
    return result.to(raw.dtype)
