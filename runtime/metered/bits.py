"""How a module's runs exchange bits: what is set between two of them, and what opens the next."""

import itertools
import weakref
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from revc.errors import BindError
from revc.runtime.bits import host
from revc.runtime.metered.plan import Plan
from revc.runtime.metered.session import Options, Session
from revc.runtime.metered.settings import BitSettings, Throttle

_numbers = itertools.count(1)
_modules: "weakref.WeakValueDictionary[str, Bits]" = weakref.WeakValueDictionary()


class Bits:
    """Opens the session of each run of a module, and knows none of them.

    `plan` and `sizes`, the names of the free sizes, are the program's; `settings` and `throttle`
    the owner's, who changes them between two runs. Copies and pickles have their own.
    """

    def __init__(self, plan: Plan, sizes: Sequence[str]) -> None:
        budgeted = [t for b in plan.budgets if b.meter == "net" for t in b.targets]
        self.plan, self.sizes = plan, tuple(sizes)
        self.settings = BitSettings()
        self.throttle = Throttle(known=plan.valves, budgeted=budgeted)
        self._enter()

    def _enter(self) -> None:
        """Take the key by which compiled code finds this object."""
        self.key = f"bits {next(_numbers)}"
        self.turns: dict[torch.device, Tensor] = {}
        _modules[self.key] = self

    def __getstate__(self) -> dict[str, Any]:
        return {name: x for name, x in self.__dict__.items() if name not in ("key", "turns")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._enter()

    def open(
        self, examples: int, device: torch.device, training: bool, options: Options,
        sizes: Sequence[int],
    ) -> Session:  # fmt: skip
        """Open the session of a run, which lives as long as the caller holds it.

        Threads may open sessions at once. `options.observer` is called with the session.

        Args:
            examples: sequences in the batch.
            device: where its stacks live.
            training: whether dropouts draw.
            options: how the run differs from an ordinary one.
            sizes: values of the free sizes, in the order of their names.

        Raises:
            BindError: the settings mean nothing; or a CUDA graph captures the first run.
        """
        free = dict(zip(self.sizes, sizes, strict=True))
        fixed = self.settings.seed is not None or options.seed is not None
        turn = None if fixed else self._turn(device)
        session = Session(
            self.plan, self.settings, self.throttle, examples, device, training, options, free, turn
        )
        if options.observer is not None:
            options.observer(session)
        return session

    def _turn(self, device: torch.device) -> Tensor | None:
        """Return the number of a replay, int64 [1], where a CUDA graph is captured.

        It lies in memory of no graph; each replay counts it up, and so has random bits of its own.
        """
        if not host.waits(device):
            return None
        if not host.captures(device):
            if device not in self.turns:
                with torch.inference_mode(False):
                    self.turns[device] = torch.zeros(1, dtype=torch.int64, device=device)
            return None
        if device not in self.turns:
            raise BindError("a run is captured by a CUDA graph, and none has gone before it")
        return self.turns[device].add_(1)


def bits_of(key: str) -> Bits:
    """Return the bits that a compiled program knows by their key.

    Raises:
        BindError: their module no longer exists.
    """
    found = _modules.get(key)
    if found is None:
        raise BindError("the module of this compiled program no longer exists")
    return found
