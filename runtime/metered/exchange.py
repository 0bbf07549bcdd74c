"""Whole registers between the state and the stacks: `give` and `take` undo each other.

A ``put`` gives to a tape, a ``draw`` takes from a reservoir; undone, they do the other.
"""

import torch
from torch import Tensor

from revc.runtime.bits.errors import SymbolError
from revc.runtime.metered.budgeting import charge_drop, refill
from revc.runtime.metered.coding import Coding
from revc.runtime.metered.distributions import distribution
from revc.runtime.metered.plan import Site
from revc.runtime.metered.session import Session
from revc.runtime.metered.values import (
    placed,
    pop_pattern,
    pop_rest,
    pop_value,
    push_pattern,
    push_rest,
    push_value,
)
from revc.runtime.state.lattice import encode


def give(session: Session, raw: Tensor, params: Tensor | None, site: Site) -> None:
    """Push a whole register, [B, ..]."""
    coding = site.coding
    if _keeps_all(session, coding) or (site.draws and site.meter in session.options.given):
        return
    raw, params = session.arranged(raw), session.arranged(params)
    if as_patterns(session, coding) and not site.draws:
        push_pattern(session.stacks[site.stack], raw, coding)
    else:
        bounded = site.draws and session.bounded(taking=False)
        by = distribution(coding, params, raw.shape, session.device, bounded)
        if site.draws and leaves_rest(session, coding, taking=False):
            push_rest(session.stacks[site.stack], raw, coding, by)
        push_value(session.stacks[site.stack], raw, coding, by)
    session.moved(site.stack, site.meter)
    refill(session, site.meter, raw.shape)
    if coding.residue == "drop":
        charge_drop(session, site, raw.shape)


def take(session: Session, shape: torch.Size, params: Tensor | None, site: Site) -> Tensor:
    """Pop a whole register of `shape`."""
    coding = site.coding
    if _keeps_all(session, coding):
        return torch.ones(shape, dtype=torch.int64, device=session.device)
    if site.draws and (value := session.value_given(site.meter)) is not None:
        return _given(session, value, shape, site)
    params, whole = session.arranged(params), session.arranged_shape(shape)
    if as_patterns(session, coding) and not site.draws:
        raw = pop_pattern(session.stacks[site.stack], whole, coding)
    else:
        bounded = session.options.sampling or (site.draws and session.bounded(taking=True))
        by = distribution(coding, params, whole, session.device, bounded)
        stack = session.stacks[site.stack]
        if site.draws and leaves_rest(session, coding, taking=True):
            raw = placed(stack.pop(by, whole), pop_rest(stack, whole), coding)
        else:
            raw = pop_value(stack, whole, coding, by)
    session.moved(site.stack, site.meter)
    refill(session, site.meter, whole)
    return raw.reshape(shape)


def as_patterns(session: Session, coding: Coding) -> bool:
    """Say whether values go to the tape as they lie in memory.

    In an audit they do. Float state always does: its parameters drift when it is rebuilt, and what
    is decoded by other parameters than it was coded by is noise.
    """
    return coding.kind == "float32" or (session.mode == "audit" and coding.kind == "lattice")


def leaves_rest(session: Session, coding: Coding, taking: bool) -> bool:
    """Say whether what lies between two indices is kept beside an index that a reservoir gets.

    What a statement drew of float state lies on an index, up to rounding. What a statement that is
    written `undo` gives back lies anywhere.
    """
    return coding.kind == "float32" and session.restating(taking)


def _keeps_all(session: Session, coding: Coding) -> bool:
    """Say whether a dropout keeps everything, as in evaluation, and moves no bits."""
    return coding.family == "dropout" and not session.training


def _given(session: Session, value: Tensor, shape: torch.Size, site: Site) -> Tensor:
    meter, coding, device = site.meter, site.coding, session.device
    if value.shape != shape:
        raise SymbolError(f"{meter} is {list(shape)}, but is given {list(value.shape)}")
    if coding.kind == "lattice":
        return encode(value.to(device), coding.fraction, coding.width)
    if coding.kind == "float32":
        return value.to(device, torch.float32)
    text = f"{meter} is a label below {coding.size}, and is given something else"
    if value.is_floating_point():
        raise SymbolError(text)
    label = value.to(device, torch.int64)
    outside = ((label < 0) | (label >= coding.size)).any()
    faults = session.stacks[site.stack].engine.faults
    faults.symbol(outside, text)
    return label.clamp(0, coding.size - 1) if faults.check == "later" else label
