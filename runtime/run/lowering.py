"""Traced graphs lowered as a compiler first asks for them, which it cannot trace: by key."""

import itertools
import weakref
from typing import TYPE_CHECKING

from revc.runtime.schedule import kept_turns, schedule_of

if TYPE_CHECKING:
    from revc.runtime.model import ReversibleModel

_models: "weakref.WeakValueDictionary[str, ReversibleModel]" = weakref.WeakValueDictionary()


_numbers = itertools.count(1)


def register(model: "ReversibleModel") -> str:
    """Make a model known to the compiler; return the key that it asks by for its graphs."""
    key = f"graphs {next(_numbers)}"
    _models[key] = model
    return key


def lower(key: str, schedule: str, counts: tuple[int, ...]) -> str:
    """Let a program's traced graphs be lowered as a compiler first asks: it cannot trace that.

    Returns what ends their names: there is a pair for each choice of what is kept.
    """
    model = _models[key]
    kept = kept_turns(model.interface, schedule_of(schedule.split(",")), counts)
    return model.graphs.lower_traced(kept)


# What torch.compiler.assume_constant_result does, which imports all of Dynamo to do it.
lower._dynamo_marked_constant = True  # type: ignore[attr-defined]
