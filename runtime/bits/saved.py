"""A stack's state as it was, to return to or to compare with.

A pop leaves the words that it takes where they lie, and a push writes above what is held. So heads,
fill and debt bring a stack back from pops alone, and from pushes alone. A push that follows a pop
may have written over words that were held: after that only a copy of the words brings them back.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from revc.runtime.bits.engine import Engine
from revc.runtime.bits.errors import LaneError
from revc.runtime.bits.growth import FillBounds


@dataclass(frozen=True)
class Saved:
    """What ``BitStack.save`` keeps; tensors are copies, N lanes each."""

    serial: int
    """The engine's own number."""
    heads: Tensor
    """int64 [N]."""
    fill: Tensor
    """int64 [N]: words held, those in a spill store included."""
    debt: Tensor
    """int64 [N]."""
    words: Tensor | None
    """int16 [rows, N], the scratch row first, or None where they were not copied."""
    high: int
    low: int
    """Bounds of ``fill``."""
    pops: int
    """Pops so far."""


def save(engine: Engine, words: bool) -> Saved:
    """Copy the state of an engine; see ``BitStack.save``.

    Raises:
        LaneError: ``words`` are asked for, and lie in a spill store.
    """
    if words and engine.spill:
        raise LaneError("the words of a stack with a spill store cannot be copied")
    state, bounds = engine.state, engine.bounds
    if words:
        bounds.observe(state.fill)
    kept = state.words[: bounds.high + 1].clone() if words else None
    fill = state.fill + engine.spilled
    return Saved(
        engine.serial, state.heads.clone(), fill, state.debt.clone(), kept, bounds.high, bounds.low,
        engine.pops,
    )  # fmt: skip


def rewind(engine: Engine, saved: Saved) -> None:
    """Bring an engine back; see ``BitStack.rewind``.

    Raises:
        LaneError: the state is another stack's, or cannot be returned to.
    """
    if saved.serial != engine.serial:
        raise LaneError("this state was saved from another stack")
    if engine.spill:
        raise LaneError("a stack with a spill store cannot be rewound: its words have moved")
    if saved.words is None and engine.overwritten > saved.pops:
        if bool(is_at(engine, saved).all()):
            return
        raise LaneError(
            "pops and then pushes have moved this stack since it was saved, and may have written "
            "over its words: to rewind it, save(words=True)"
        )
    state = engine.state
    state.heads.copy_(saved.heads)
    state.fill.copy_(saved.fill)
    state.debt.copy_(saved.debt)
    if saved.words is not None:
        rows = saved.words.shape[0]
        if rows + 2 > state.capacity:  # it was trimmed since
            state.resize(rows + 2)
        state.words[:rows] = saved.words
    engine.bounds = FillBounds(saved.high, saved.low)


def is_at(engine: Engine, saved: Saved) -> Tensor:
    """Which sequences are as they were saved, bool [sequences].

    Raises:
        LaneError: the numbers of lanes differ, or copied words lie in a spill store here.
    """
    state = engine.state
    if saved.heads.shape != state.heads.shape:
        raise LaneError(
            f"a state of {saved.heads.numel()} lanes was saved, and the stack has {state.count}"
        )
    same = (state.heads == saved.heads) & (state.debt == saved.debt)
    same &= state.fill + engine.spilled == saved.fill
    if saved.words is not None:
        same &= same_words(engine, saved.words, saved.fill)
    return same.reshape(state.sequences, state.lanes).all(-1)


def same_words(engine: Engine, words: Tensor, fill: Tensor) -> Tensor:
    """Which lanes hold, up to ``fill`` int64 [N], the ``words`` int16 [rows, N]; bool [N].

    Raises:
        LaneError: the engine has a spill store.
    """
    if engine.spill:
        raise LaneError("the words of a stack with a spill store cannot be compared")
    rows = min(words.shape[0], engine.state.capacity)
    held = torch.arange(rows, device=words.device)[:, None] <= fill
    held[0] = False
    different = held & (words[:rows] != engine.state.words[:rows])
    return ~different.any(0)
