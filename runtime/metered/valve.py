"""The valve: old values to the tape, fresh ones out of the reservoir into their place.

    tape <- push(index of old);   new index <- pop(reservoir)

by one distribution, whose parameters read neither. Each half is a bijection of value and stack, so
the whole is one of state, reservoir and tape. Two stacks: pushed to and popped from a single one,
the value just pushed would come back.
"""

import torch
from torch import Tensor

from revc.errors import ReconstructionError
from revc.runtime.bits import BitStack
from revc.runtime.bits.dist import Distribution
from revc.runtime.bits.dist.tempered import tempered
from revc.runtime.bits.dist.uniform import WideUniform
from revc.runtime.metered.budgeting import Decision, decide, recall, record
from revc.runtime.metered.coding import Coding
from revc.runtime.metered.distributions import valve_pair
from revc.runtime.metered.exchange import as_patterns, leaves_rest
from revc.runtime.metered.plan import Site
from revc.runtime.metered.quantiser import Parts, split
from revc.runtime.metered.session import Session
from revc.runtime.metered.values import (
    codable,
    has_residue,
    merged,
    placed,
    pop_index,
    pop_pattern,
    pop_residue,
    pop_rest,
    push_index,
    push_pattern,
    push_residue,
    push_rest,
)


def valve(session: Session, raw: Tensor, params: Tensor | None, site: Site) -> Tensor:
    """Push the values of a slot, [B, ..]; return the fresh ones that are drawn in their place.

    Args:
        session: the run's stacks, which change in place.
        raw: the slot as the state holds it: lattice integers, or float32.
        params: the distribution's, float [.., k n], which may lack leading axes; None for a
            family without any.
        site: what is known of the statement.

    Raises:
        SymbolError: a value that the lattice does not hold was drawn.
        ReservoirExhaustedError: the source holds no more bits.
        BindError: the statement is throttled, and undone by the program itself.
    """
    coding, tape, source = site.coding, session.stacks[site.stack], session.stacks[session.source]
    shape, raw, params = raw.shape, session.arranged(raw), session.arranged(params)
    parts = split(raw, coding)
    old, fresh = valve_pair(coding, params, raw.shape, session.bounded(taking=True), source)
    rest = None
    if leaves_rest(session, coding, taking=True):
        rest = pop_rest(tape, raw.shape)
    _push_old(session, tape, raw, parts, coding, old)
    decision = decide(session, site, session.moved(site.stack, site.meter), raw.shape)
    residue = _exchange_residue(tape, source, parts, coding, decision)
    if decision is not None:
        record(session, site, decision)
        session.moved(site.stack, site.meter)
        fresh = tempered(fresh, decision.alpha)
    index = source.pop(fresh, raw.shape)
    session.moved(session.source, site.meter)
    if rest is not None:
        return placed(index, rest, coding).reshape(shape).to(raw.dtype)
    return merged(source, Parts(index, residue), coding).reshape(shape).to(raw.dtype)


def unvalve(session: Session, raw: Tensor, params: Tensor | None, site: Site) -> Tensor:
    """Undo `valve`: push the fresh values back to the source; return the old ones off the tape."""
    coding, tape, source = site.coding, session.stacks[site.stack], session.stacks[session.source]
    shape, raw, params = raw.shape, session.arranged(raw), session.arranged(params)
    parts = split(raw, coding)
    decision = recall(session, site)
    by, fresh = valve_pair(coding, params, raw.shape, session.bounded(taking=False), source)
    if decision is not None:
        fresh = tempered(fresh, decision.alpha)
    source.push(codable(parts.index, coding, fresh), fresh)
    residue = _restore_residue(tape, source, parts, coding, decision)
    session.moved(session.source, site.meter)
    old = _pop_old(session, tape, Parts(raw, residue), coding, by)
    if leaves_rest(session, coding, taking=False):
        push_rest(tape, raw, coding, fresh)
    session.moved(site.stack, site.meter)
    return old.reshape(shape).to(raw.dtype)


def _push_old(
    session: Session, tape: BitStack, raw: Tensor, parts: Parts, coding: Coding, by: Distribution
) -> None:
    if as_patterns(session, coding):
        if _whole(coding):
            push_pattern(tape, raw, coding)
        else:
            push_index(tape, parts, coding)
        return
    if coding.residue == "write":
        push_residue(tape, parts.residue, coding)
    tape.push(parts.index, by)


def _pop_old(
    session: Session, tape: BitStack, left: Parts, coding: Coding, by: Distribution
) -> Tensor:
    """Undo `_push_old`; `left` are the fresh values and the residues that stayed with them."""
    shape = left.index.shape
    if as_patterns(session, coding):
        if _whole(coding):
            return pop_pattern(tape, shape, coding)
        return merged(tape, Parts(pop_index(tape, left, coding), left.residue), coding)
    index = tape.pop(by, shape)
    residue = pop_residue(tape, shape, coding) if coding.residue == "write" else left.residue
    return merged(tape, Parts(index, residue), coding)


def _whole(coding: Coding) -> bool:
    """Say whether a pattern holds all of a value: a lattice's residue may stay in the slot."""
    return coding.residue == "write" or not has_residue(coding)


def _exchange_residue(
    tape: BitStack, source: BitStack, parts: Parts, coding: Coding, decision: Decision | None
) -> Tensor | None:
    """Return the residue beside a fresh index: the old one, a drawn one, or the blank."""
    if not has_residue(coding) or parts.residue is None:
        return parts.residue
    if coding.residue == "write":
        return pop_residue(source, parts.index.shape, coding)
    if coding.residue != "drop" or decision is None:
        return parts.residue
    taken = _along(decision.taken, parts.residue)
    tape.push(parts.residue * taken, WideUniform(_bases(taken, coding, parts.residue)))
    return torch.where(taken, coding.unit // 2, parts.residue)


def _restore_residue(
    tape: BitStack, source: BitStack, parts: Parts, coding: Coding, decision: Decision | None
) -> Tensor | None:
    """Undo `_exchange_residue`: return the residue that the old value had, if it stayed."""
    if not has_residue(coding) or parts.residue is None:
        return parts.residue
    if coding.residue == "write":
        push_residue(source, parts.residue, coding)
        return None
    if coding.residue != "drop" or decision is None:
        return parts.residue
    taken = _along(decision.taken, parts.residue)
    other = (taken & (parts.residue != coding.unit // 2)).any()
    text = "a valve that dropped residues is undone from another state"
    tape.engine.faults.report(ReconstructionError, other, text)
    kept = tape.pop(WideUniform(_bases(taken, coding, parts.residue)), parts.residue.shape)
    return torch.where(taken, kept.long(), parts.residue)


def _along(taken: Tensor, like: Tensor) -> Tensor:
    return taken.reshape(-1, *[1] * (like.dim() - 1)).expand(like.shape)


def _bases(taken: Tensor, coding: Coding, like: Tensor) -> Tensor:
    return torch.where(taken, coding.unit, 1).to(like.device)
