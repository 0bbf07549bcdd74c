"""Traced graphs lowered as a compiler first asks for them, which it cannot trace: by key."""

from revc.runtime.known_models import known
from revc.runtime.schedule import kept_turns, schedule_of


def lower(key: str, schedule: str, counts: tuple[int, ...]) -> str:
    """Let a program's traced graphs be lowered as a compiler first asks: it cannot trace that.

    Returns what ends their names: there is a pair for each choice of what is kept.
    """
    model = known(key)
    kept = kept_turns(model.interface, schedule_of(schedule.split(",")), counts)
    return model.graphs.lower_traced(kept)


# What torch.compiler.assume_constant_result does, which imports all of Dynamo to do it.
lower._dynamo_marked_constant = True  # type: ignore[attr-defined]
