"""The module that runs a plan."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import nn
from torch.utils._pytree import tree_flatten, tree_unflatten
from torch.utils.checkpoint import checkpoint

from revc.passes.schedule.plan import Action, Plan, Unit
from revc.planning.lossy.hooks import compressed
from revc.planning.modules.cut import Cut
from revc.planning.modules.host import OnHost
from revc.planning.modules.packed import Own
from revc.planning.modules.replay import Part, Replay
from revc.runtime.nets.capture.look import Look


class PlannedModule(nn.Module):
    """Modules that each take what the one before gave, run as a plan says.

    It has the modules themselves, by the names that they have in the list, so that parameters and
    the keys of a `state_dict` are the same. Results and gradients are those of a plain run, bit for
    bit, random numbers, buffers and attributes among them; but where segments keep codes, gradients
    are near. A backward pass that would run modules again which are not as they were, but for what
    they change themselves, raises ReconstructionError.

    Attributes:
        cuts: the segments.
        plan: an action for each.
        bits: of those that keep codes, by number from 1, the most bits a value.
    """

    def __init__(
        self,
        modules: Mapping[str, nn.Module],
        cuts: Sequence[Cut],
        plan: Plan,
        bits: Mapping[int, float] | None = None,
    ) -> None:
        super().__init__()
        self.bits = dict(bits or {})
        for name, module in modules.items():
            self.add_module(name, module)
        self.cuts, self.plan = tuple(cuts), plan
        self._looks: defaultdict[str, Look] = defaultdict(Look)

    def forward(self, *args: Any) -> Any:
        """Run the modules; the first takes `args`, each other what the one before gave."""
        for unit in self.plan.units():
            args = (self._unit(unit, args),)
        return args[0]

    def _unit(self, unit: Unit, args: tuple[Any, ...]) -> Any:
        if unit.action is Action.CHECKPOINT and torch.is_grad_enabled():
            return self._group(unit, args)
        if unit.action is Action.COMPRESS:
            with compressed(self._own(), self.bits[unit.first]):
                return self._run(unit, args)
        if unit.action is Action.OFFLOAD:
            with OnHost(self._own()):
                return self._run(unit, args)
        return self._run(unit, args)

    def _group(self, unit: Unit, args: tuple[Any, ...]) -> Any:
        """Run a group, keeping its input alone."""
        leaves, form = tree_flatten(args)
        del args

        def again(*values: Any) -> Any:
            return self._run(unit, tree_unflatten(list(values), form))

        def contexts() -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
            replay = Replay(self, self._parts(unit), self._looks)
            return replay.running(), replay

        return checkpoint(again, *leaves, use_reentrant=False, context_fn=contexts)

    def _run(self, unit: Unit, args: tuple[Any, ...]) -> Any:
        for cut in self.cuts[unit.first - 1 : unit.last]:
            for name in cut.names:
                args = (self._modules[name](*args),)  # type: ignore[misc]
        return args[0]

    def _own(self) -> Own:
        return Own([*self.parameters(), *self.buffers()])

    def _parts(self, unit: Unit) -> list[Part]:
        return [
            Part(name, buffers, attributes)
            for cut in self.cuts[unit.first - 1 : unit.last]
            for name, buffers, attributes in zip(cut.names, cut.changed, cut.noted, strict=True)
        ]
