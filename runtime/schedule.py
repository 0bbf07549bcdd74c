"""The schedule of a program: what a run keeps of each segment until its backward pass."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from revc.errors import BindError

if TYPE_CHECKING:
    from revc.runtime.interface import Interface
    from revc.runtime.segment_plan import SegmentPlan

KINDS = ("invert", "save")


@dataclass(frozen=True)
class Action:
    """What a run keeps of a segment, and how its backward pass gets the rest.

    `invert` keeps nothing: the input is rebuilt from the output, at the cost of one evaluation.
    `save` keeps the residuals of the segment's evaluations, as autograd does, and costs no time.
    """

    kind: Literal["invert", "save"]

    def __str__(self) -> str:
        return self.kind


INVERT, SAVE = Action("invert"), Action("save")

Schedule = tuple[Action, ...]
"""An action for each segment that a run passes (a turn of a loop is one), or one for all."""

Wish = str | Action | Iterable[str | Action]
"""What users write for a schedule: one action, for all segments, or one a segment."""


def schedule_of(wish: Wish) -> Schedule:
    """Return what a wish says.

    Raises:
        BindError: it names no action.
    """
    if isinstance(wish, str | Action):
        return (_action(wish),)
    if not isinstance(wish, Iterable):
        raise BindError(f"schedule = {wish!r}: want an action, or a list of one a segment")
    actions = tuple(map(_action, wish))
    if not actions:
        raise BindError("schedule is empty: want an action, or a list of one a segment")
    return actions


def _action(wish: Any) -> Action:
    found = Action(wish) if wish in KINDS else wish
    if not isinstance(found, Action) or found.kind not in KINDS:
        raise BindError(f"schedule: {wish!r} is no action; there are {', '.join(KINDS)}")
    return found


def check(at: "Interface", schedule: Schedule) -> None:
    """Check that a schedule fits a program as far as its sizes are known.

    Raises:
        BindError: it has another length than the program has segments, or saves one that exchanges
            bits.
    """
    counts = [plan.known_count for plan in at.segments]
    if None not in counts:
        plans = [p for p, n in zip(at.segments, counts, strict=True) for _ in range(n or 0)]
        expand(at, schedule, plans)
    elif len(schedule) == 1:
        expand(at, schedule, at.segments)


def expand(at: "Interface", schedule: Schedule, plans: "Sequence[SegmentPlan]") -> Schedule:
    """Return the action of each segment that a run passes, which are of `plans`.

    Raises:
        BindError: see `check`.
    """
    actions = schedule * len(plans) if len(schedule) == 1 else schedule
    if len(actions) != len(plans):
        raise BindError(
            f"{at.name}: the schedule has {len(actions)} actions, and a run passes {len(plans)} "
            "segments: want one for each, or one for all"
        )
    for action, plan in zip(actions, plans, strict=True):
        if action.kind != "invert" and plan.metered:
            raise BindError(
                f"{at.name}, segment {plan.name}: it exchanges bits, which a run takes back and "
                f"cannot keep: its action is invert, not {action}"
            )
    return actions


def saved_graphs(at: "Interface") -> frozenset[str]:
    """Return the graphs of the segments that a program's schedule saves, by name.

    Where sizes decide how many segments a run passes, any may be.
    """
    counts = [plan.known_count for plan in at.segments]
    if None in counts:
        some = any(action.kind == "save" for action in at.schedule)
        return frozenset(plan.graph for plan in at.segments if some and not plan.metered)
    plans = [p for p, n in zip(at.segments, counts, strict=True) for _ in range(n or 0)]
    pairs = zip(expand(at, at.schedule, plans), plans, strict=True)
    return frozenset(plan.graph for action, plan in pairs if action.kind == "save")


def refuse_compiled(at: "Interface", schedule: Schedule) -> None:
    """Refuse to trace a program that forgets, or some of whose segments are saved.

    Raises:
        BindError: it does, or some are.
    """
    if at.forgets:
        raise BindError(
            f"{at.name} forgets: torch.compile of the whole model takes what forgets nothing; "
            "compile its segments, or run it in eager mode"
        )
    if any(action.kind != "invert" for action in schedule):
        raise BindError(
            f"{at.name}: under torch.compile every segment rebuilds its input: set "
            'model.schedule = "invert", or run it in eager mode'
        )
