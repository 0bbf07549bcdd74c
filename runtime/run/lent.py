"""Raw results that a backward pass borrows: it goes back in them, and not in a copy.

Results keep their raw state, for `inverse`. A backward pass needs it last of all, where nobody else
holds it and the graph is not retained; so it takes the state itself. Where it ends it leaves the
state as it then is, and whoever asks the result for its raw state has the rest of the program run
once more from there.
"""

import sys
import weakref
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Protocol

import torch
from torch import Tensor

from revc.errors import BindError, ReconstructionError
from revc.runtime.state.checksum import digest

if TYPE_CHECKING:
    from revc.runtime.run.run import Run

Raw = tuple[Tensor, ...]


class Lender(Protocol):
    """What keeps the raw state of results."""

    def lend(self, lent: "Lent") -> None:
        """Let go of the raw state, which `lent` gives back when it is asked for."""


class Lent:
    """The raw results of a run while a backward pass has them, and after.

    Args:
        run: the run, whose final state they are.
        lender: what keeps them for the caller.
    """

    def __init__(self, run: "Run", lender: Lender) -> None:
        assert run.final is not None
        self._run = run
        self._known = _digests(run.final[slot.name] for slot in run.interface.gives)
        self._state: dict[str, Tensor] | None = None
        self._position = 0
        lender.lend(self)

    def rest(self, position: int, state: dict[str, Tensor]) -> None:
        """Keep the state where the backward pass leaves it."""
        self._position, self._state = position, dict(state)

    def given_back(self) -> Raw:
        """Return the raw results, computed again.

        Raises:
            BindError: the backward pass has not ended, or failed.
            ReconstructionError: they come out different: a net changed since.
        """
        name = self._run.interface.name
        if self._state is None:
            raise BindError(
                f"the raw state of this result of {name} is with a backward pass that has not "
                "ended, or failed: say retain_graph=True to keep a copy"
            )
        raw = self._run.passed_again(self._position, self._state)
        self._state = None
        if not torch.equal(_digests(raw), self._known):
            raise ReconstructionError(
                f"the raw state of this result of {name} went with its backward pass, and comes "
                "out different when it is computed again: a net changed since. Ask for it before "
                "parameters change, or say retain_graph=True in the backward pass"
            )
        return raw


def _digests(raw: Iterable[Tensor]) -> Tensor:
    """Return the checksum of each, on their device: nobody waits for it in a backward pass."""
    return torch.stack([digest(value) for value in raw])


# --- who lends -----------------------------------------------------------------------------------


def lend(run: "Run") -> bool:
    """Say whether a backward pass may have a run's final state; then whoever keeps it lets go."""
    lender = run.lender()
    kept = {} if run.final is None else run.final
    slots = run.interface.gives
    if any(slot.kind != "lattice" for slot in slots) or not _held_alone(kept, lender is not None):
        return False
    if lender is not None:
        run.lent = weakref.ref(Lent(run, lender))
    return True


def _held_alone(values: dict[str, Tensor], others: int) -> bool:
    """Say whether nothing but `values`, and `others` beside it, can reach these tensors.

    Counts the references to tensors and storages, and compares with those of a tensor that is new.
    """
    fresh = {"fresh": torch.empty(1, device="cpu")}
    ((python, *rest),) = _references(fresh)
    return all(found == [python + others, *rest] for found in _references(values))


def _references(values: dict[str, Tensor]) -> list[list[int]]:
    found = []
    for name in values:
        value: Any = values[name]
        storage = value.untyped_storage()
        uses = torch._C._storage_Use_Count(storage._cdata)
        found.append([sys.getrefcount(value), uses, value._use_count()])
    return found
