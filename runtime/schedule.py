"""The schedule of a program: what a run keeps of each segment until its backward pass."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from revc.errors import BindError

if TYPE_CHECKING:
    from revc.runtime.interface import Interface
    from revc.runtime.segment_plan import SegmentPlan

KINDS = ("invert", "keep", "save", "offload")


@dataclass(frozen=True)
class Action:
    """What a run keeps of a segment, and how its backward pass gets the rest.

    `invert` keeps nothing: the input is rebuilt from the output, at the cost of one evaluation.
    `keep` rebuilds it too, but keeps `values` within the segment's nets, which are not computed
    again; all there are if none are named. `save` keeps the residuals of the segment's evaluations,
    as autograd does, and costs no time. `offload` keeps those on the host: it costs two copies.
    """

    kind: Literal["invert", "keep", "save", "offload"]
    values: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.kind}:{'+'.join(self.values)}" if self.values else self.kind

    @property
    def saves(self) -> bool:
        """Whether residuals are kept: the backward pass asks for no state and evaluates nothing."""
        return self.kind in ("save", "offload")

    def chosen(self, plan: "SegmentPlan") -> tuple[int, ...]:
        """Return which values of a segment are kept, by their number in `plan.values`.

        A name stands for all values whose dotted names end with it.
        """
        if self.kind != "keep":
            return ()
        named = lambda value: any(ends(value, name) for name in self.values)  # noqa: E731
        pairs = enumerate(plan.values)
        return tuple(number for number, value in pairs if not self.values or named(value))


INVERT, SAVE, KEEP, OFFLOAD = Action("invert"), Action("save"), Action("keep"), Action("offload")

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
    found = _spelled(wish) if isinstance(wish, str) else wish
    if not isinstance(found, Action) or found.kind not in KINDS:
        raise BindError(
            f"schedule: {wish!r} is no action; there are {', '.join(KINDS)}, and "
            "keep:NAME+.. of values by name"
        )
    return found


def _spelled(wish: str) -> Action | None:
    """Return the action that is written so, None if there is none."""
    kind, colon, rest = wish.strip().partition(":")
    names = tuple(dict.fromkeys(name.strip() for name in rest.split("+"))) if colon else ()
    if kind not in KINDS or (colon and (kind != "keep" or not all(names))):
        return None
    return Action(kind, names)  # type: ignore[arg-type]


def ends(value: str, name: str) -> bool:
    """Say whether the dotted name of a value ends with a name."""
    return f".{value}".endswith(f".{name}")


def check(at: "Interface", schedule: Schedule) -> None:
    """Check that a schedule fits a program as far as its sizes are known.

    Raises:
        BindError: it has another length than the program has segments, saves one that exchanges
            bits, or keeps values that there are not.
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
    if len(schedule) == 1 and plans:
        _check_values(at.name, schedule[0], "no segment has", plans)
    for action, plan in zip(actions, plans, strict=True):
        where = f"{at.name}, segment {plan.name}"
        if action.saves and plan.metered:
            raise BindError(
                f"{where}: it exchanges bits, which a run takes back and "
                f"cannot keep: its action is invert or keep, not {action}"
            )
        if len(schedule) > 1:
            _check_values(where, action, "it has not", [plan])
    return actions


def _check_values(where: str, action: Action, missing: str, plans: "Iterable[SegmentPlan]") -> None:
    """Check that the values that an action keeps are there.

    Raises:
        BindError: one is not.
    """
    if not action.values:
        return
    known = tuple(dict.fromkeys(value for plan in plans for value in plan.values))
    for name in action.values:
        if not any(ends(value, name) for value in known):
            there = ", ".join(known) or "none"
            raise BindError(f"{where}: {action} keeps {name!r}, which {missing}; there are {there}")


def saved_graphs(at: "Interface") -> frozenset[str]:
    """Return the graphs of the segments that a program's schedule saves, here or on the host.

    Where sizes decide how many segments a run passes, any may be.
    """
    pairs = _pairs(at)
    return frozenset(p.graph for a, p in pairs if a.saves and not p.metered)


def kept_graphs(at: "Interface") -> tuple[tuple[str, tuple[int, ...]], ...]:
    """Return the graphs of which a program's schedule keeps values, by name, and which values.

    Where sizes decide how many segments a run passes, any may be.
    """
    found = ((plan.graph, action.chosen(plan)) for action, plan in _pairs(at))
    return tuple(sorted({(graph, chosen) for graph, chosen in found if chosen}))


def kept_name(graph: str, chosen: Sequence[int]) -> str:
    """Return the name of graphs that keep some of the values of a segment, by their numbers."""
    return f"{graph}_keeps_{'_'.join(map(str, chosen))}"


def _pairs(at: "Interface") -> "list[tuple[Action, SegmentPlan]]":
    """Return the actions that segments may have under a program's schedule."""
    counts = [plan.known_count for plan in at.segments]
    if None in counts:
        return [(action, plan) for plan in at.segments for action in dict.fromkeys(at.schedule)]
    plans = [p for p, n in zip(at.segments, counts, strict=True) for _ in range(n or 0)]
    return list(zip(expand(at, at.schedule, plans), plans, strict=True))


KeptTurns = tuple[tuple[tuple[int, ...], ...], ...]
"""Of each segment of a program the values that are kept, by number: turn by turn, or once for all.
"""


def kept_turns(at: "Interface", schedule: Schedule, counts: Sequence[int]) -> KeptTurns:
    """Return which values code of the whole program keeps of each segment under a schedule.

    Such code saves nothing else: what is to be saved keeps all values that cost operations.
    `counts` are the numbers of turns; none are needed where one action is for all.

    Raises:
        BindError: the schedule does not fit; see `expand`.
    """
    if len(schedule) == 1:
        actions = expand(at, schedule, at.segments)
        return tuple((_kept(a, p),) for a, p in zip(actions, at.segments, strict=True))
    plans = [p for p, n in zip(at.segments, counts, strict=True) for _ in range(n)]
    pairs = iter(zip(expand(at, schedule, plans), plans, strict=True))
    turns = (tuple(_kept(*next(pairs)) for _ in range(n)) for n in counts)
    return tuple(found[:1] if len(set(found)) == 1 else found for found in turns)


def kept_whole(at: "Interface") -> KeptTurns | None:
    """Return which values code of the whole program keeps under the program's own schedule.

    None if it keeps nothing, or has no such code: sizes decide how often segments run that are
    told apart, or some are to lie on the host.
    """
    counts = [plan.known_count for plan in at.segments]
    apart = len(at.schedule) > 1 and None in counts
    if apart or any(action.kind == "offload" for action in at.schedule):
        return None
    found = kept_turns(at, at.schedule, [count or 0 for count in counts])
    return found if keeps(found) else None


def keeps(kept: KeptTurns | None) -> bool:
    """Say whether any value is kept."""
    return any(chosen for turns in kept or () for chosen in turns)


def _kept(action: Action, plan: "SegmentPlan") -> tuple[int, ...]:
    return (KEEP if action == SAVE else action).chosen(plan)


def refuse_compiled(at: "Interface", schedule: Schedule) -> None:
    """Refuse to trace a program that forgets, or that is to lie on the host meanwhile.

    Raises:
        BindError: it does, or is.
    """
    if at.forgets:
        raise BindError(
            f"{at.name} forgets: torch.compile of the whole model takes what forgets nothing; "
            "compile its segments, or run it in eager mode"
        )
    if any(action.kind == "offload" for action in schedule):
        raise BindError(
            f"{at.name}: torch.compile of the whole model copies nothing to the host: let those "
            "segments be saved, keep values or invert, or run it in eager mode"
        )
