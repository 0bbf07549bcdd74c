"""Traced graphs lowered as a compiler first asks for them, which it cannot trace: by key."""

import torch._functorch.config as aot

from revc.runtime.known_models import known
from revc.runtime.schedule import kept_turns, schedule_of


def keep_saved() -> None:
    """Let what compilers make of a backward pass write over nothing that it was saved.

    Inductor (2.13) takes the numbers of the arguments that it may write over for those of each
    nested region too, which then writes over an argument that it shares with its caller: gradients
    are wrong, and nothing says so (https://github.com/pytorch/pytorch/pull/193960).
    """
    aot.donated_buffer = False


def lower(key: str, schedule: str, counts: tuple[int, ...]) -> str:
    """Let a program's traced graphs be lowered as a compiler first asks: it cannot trace that.

    Returns what ends their names: there is a pair for each choice of what is kept.
    """
    keep_saved()
    model = known(key)
    kept = kept_turns(model.interface, schedule_of(schedule.split(",")), counts)
    return model.graphs.lower_traced(kept)


# What torch.compiler.assume_constant_result does, which imports all of Dynamo to do it.
lower._dynamo_marked_constant = True  # type: ignore[attr-defined]
