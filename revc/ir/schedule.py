"""A schedule: how the backward pass gets what it needs of each segment, one action a position.

A position is a segment as a run passes it: a turn of a `repeat` is one. A schedule of one action
holds at every position.
"""

from itertools import groupby
from typing import Literal

from revc.ir.types import IRNode

Kind = Literal["invert", "keep", "save", "offload"]


class Action(IRNode):
    """What is kept of a segment until its backward pass.

    `invert` keeps nothing: the segment's input is rebuilt from its output. `keep` does that too,
    but keeps `values` of its nets, all if none are named, which are not computed again. `save`
    keeps the residuals of its evaluations, and evaluates nothing again; `offload` keeps them on the
    host.
    """

    kind: Kind
    values: tuple[str, ...] = ()


INVERT = Action(kind="invert")
SAVE = Action(kind="save")

Schedule = tuple[Action, ...]


def action_text(action: Action) -> str:
    """Return an action as it is written: ``keep:mlp_0.out+attention_0.qkv``."""
    return f"{action.kind}:{'+'.join(action.values)}" if action.values else action.kind


def schedule_text(schedule: Schedule) -> str:
    """Return a schedule on one line: its actions, and of each how many positions in a row it has.

    One that holds at every position has no number.
    """
    texts = [action_text(action) for action in schedule]
    if len(texts) == 1:
        return texts[0]
    return ", ".join(f"{text} x {len(list(group))}" for text, group in groupby(texts))
