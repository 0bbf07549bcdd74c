"""A schedule: how the backward pass gets what it needs of each segment, one action a position.

A position is a segment as a run passes it: a turn of a `repeat` is one. A schedule of one action
holds at every position.
"""

from typing import Literal

from revc.ir.make import make
from revc.ir.types import IRNode

Kind = Literal["invert", "save"]


class Action(IRNode):
    """What is kept of a segment until its backward pass.

    `invert` keeps nothing: the segment's input is rebuilt from its output. `save` keeps the
    residuals of its evaluations, and evaluates nothing again.
    """

    kind: Kind


INVERT = make(Action, kind="invert")
SAVE = make(Action, kind="save")

Schedule = tuple[Action, ...]


def schedule_text(schedule: Schedule) -> str:
    """Return a schedule on one line: its actions, and of each how many positions in a row it has.

    One that holds at every position has no number.
    """
    if len(schedule) == 1:
        return schedule[0].kind
    runs: list[tuple[str, int]] = []
    for action in schedule:
        count = runs.pop()[1] if runs and runs[-1][0] == action.kind else 0
        runs.append((action.kind, count + 1))
    return ", ".join(f"{kind} x {count}" for kind, count in runs)
