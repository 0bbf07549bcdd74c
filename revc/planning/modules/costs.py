"""What each segment of a list of modules keeps and holds, from passes without numbers.

A segment runs alone, between a start that makes its input and a loss that makes its gradients, so
that autograd owns both, as it does in the network. Every storage is counted as it comes and goes.
"""

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks
from torch.utils._pytree import tree_flatten, tree_unflatten

from revc.errors import InternalError
from revc.passes.schedule.stages import Stage
from revc.planning.held import Held, storages
from revc.planning.modules.alike import fingerprint
from revc.planning.modules.cut import Cut
from revc.planning.modules.loss import loss
from revc.planning.modules.packed import Own
from revc.planning.modules.values import like, signature, tensors


def segments(
    modules: Mapping[str, nn.Module], cuts: Sequence[Cut], taken: Sequence[Any]
) -> list["Segment"]:
    """Return the segments of modules by name, with inputs like those that they take."""
    return [
        Segment([modules[name] for name in one.names], one, given, one is cuts[0], one is cuts[-1])
        for one, given in zip(cuts, taken, strict=True)
    ]


def stages(parts: Sequence["Segment"]) -> list[Stage]:
    """Return the costs of segments; those that are alike are run once.

    Times are operations: see `Held.operations`.
    """
    known: dict[Hashable, Stage] = {}
    found = []
    for one in parts:
        key = one.key()
        if key not in known:
            known[key] = one.stage()
        found.append(replace(known[key], name=one.cut.title))
    return found


@dataclass
class _Pass:
    """What one forward pass shows, and the backward pass behind it: see `Stage`."""

    forward: int = 0
    rerun: int = 0
    time: float = 0.0
    rerun_time: float = 0.0
    out: int = 0
    kept: int = 0
    keeps_in: int = 0
    keeps_out: int = 0
    ahead: int | None = None
    backward: int = 0


class _Hooks(saved_tensors_hooks):
    """Notes where a forward pass saves its last tensor, and where a backward pass asks first."""

    def __init__(self, held: Held, found: _Pass) -> None:
        def pack(value: Tensor) -> Tensor:
            found.rerun, found.rerun_time = held.peak, held.operations
            return value.detach()

        def unpack(value: Tensor) -> Tensor:
            if found.ahead is None:
                found.ahead = held.peak - found.kept
            return value

        super().__init__(pack, unpack)


@dataclass(frozen=True)
class Segment:
    """Modules that run one behind the other, and an input like the one that the first takes."""

    modules: list[nn.Module]
    cut: Cut
    given: Any
    first: bool
    last: bool

    def key(self) -> Hashable:
        """Return what segments that cost the same share."""
        shared = len({id(p) for m in self.modules for p in m.parameters()})
        prints = tuple(fingerprint(module) for module in self.modules)
        changed = tuple(tuple(keys) for keys in (*self.cut.changed, *self.cut.noted))
        return prints, shared, signature(self.given), changed, self.first, self.last

    def stage(self) -> Stage:
        """Return the costs of the segment."""
        add_gradients(p for module in self.modules for p in module.parameters())
        with torch.enable_grad():
            one = self.step()
            back = self.step(hold_out=True) if self.last else one
            passing, stuck = self.passing()
            held = self.step(hold_in=True, hold_out=self.last)
        resid = one.kept - one.keeps_in - one.keeps_out
        ahead = one.backward - one.kept if one.ahead is None else one.ahead
        return Stage(
            self.cut.title, one.out, resid, one.keeps_in, one.keeps_out, one.forward, passing,
            one.rerun, back.backward, held.backward, ahead, stuck + self._replay(), one.time,
            one.rerun_time,
        )  # fmt: skip

    def step(self, hold_in: bool = False, hold_out: bool = False) -> _Pass:
        """Run forwards and backwards, with the input or the result held to the end."""
        found, held = _Pass(), Held()
        given = self._network_input()
        with held:
            given = given if self.first else started(self.given)
            taken = {} if self.first else storages(given)
            with _Hooks(held, found):
                out = self.run(given)
            found.forward, found.time = held.peak, held.operations
            made = {k: v for k, v in storages(out).items() if k not in taken}
            found.out = held.kept_of(made)
            end = loss(out, lambda: _start_again(held))
            stays = (given if hold_in else None, out if hold_out else None)
            del given, out
            found.kept = held.now - sum(storages(end).values())
            found.keeps_in, found.keeps_out = held.kept_of(taken), held.kept_of(made)
            if end is not None:
                end.backward()
                found.backward = held.peak
            del stays
        return found

    def passing(self) -> tuple[int, int]:
        """Return what a forward pass that saves nothing holds at most, and what it keeps yet."""
        given = self._network_input()
        with Held() as held, nothing_saved():
            given = given if self.first else started(self.given)
            out = self.run(given)
            peak = held.peak
            end = loss(out)
            del given, out
            return peak, held.now - sum(storages(end).values())

    def saved(self) -> list[Tensor]:
        """Return what autograd saves of a forward pass, but for its own, each view once."""
        found: dict[Any, Tensor] = {}
        own = Own(one for m in self.modules for one in (*m.parameters(), *m.buffers()))

        def pack(value: Tensor) -> Tensor:
            if value not in own:
                storage = value.untyped_storage()._cdata
                key = (storage, value.storage_offset(), value.shape, value.stride())
                found[key] = value.detach()
            return value.detach()

        given = self._network_input() if self.first else started(self.given)
        with torch.enable_grad(), saved_tensors_hooks(pack, lambda value: value):
            self.run(given)
        return list(found.values())

    def _network_input(self) -> Any:
        """Return the first segment's input, which its caller holds: it is not counted."""
        given = like(self.given) if self.first else ()
        add_gradients(tensors(given))
        return given

    def run(self, given: Any) -> Any:
        """Run the modules forwards."""
        for module in self.modules:
            given = (module(*given),)
        return given[0]

    def _replay(self) -> int:
        """Return the bytes of the buffers that it changes."""
        buffers = [
            module.get_submodule(path)._buffers[name]
            for module, keys in zip(self.modules, self.cut.changed, strict=True)
            for path, name in keys
        ]
        return sum(storages(buffers).values())


def _start_again(held: Held) -> None:
    held.peak = held.now


def nothing_saved(told: Callable[[], None] | None = None) -> saved_tensors_hooks:
    """Return a context in which forward passes save nothing; `told` is called for each tensor."""

    def pack(_: Tensor) -> None:
        if told is not None:
            told()

    def unpack(_: Any) -> Tensor:
        raise InternalError("a tensor that was not saved is asked for")

    return saved_tensors_hooks(pack, unpack)


def add_gradients(leaves: Iterable[Tensor]) -> None:
    """Give leaves that want a gradient one to add to."""
    for leaf in leaves:
        if leaf.requires_grad and leaf.grad is None:
            leaf.grad = torch.zeros_like(leaf)


class _Start(torch.autograd.Function):
    """Makes a segment's input, and takes its gradient."""

    @staticmethod
    def forward(ctx: Any, metas: Sequence[Tensor], _: Tensor) -> tuple[Tensor, ...]:
        made = [like(one.detach()) for one in metas]
        unwanted = [m for m, one in zip(made, metas, strict=True) if not one.requires_grad]
        ctx.mark_non_differentiable(*unwanted)
        return tuple(made)

    @staticmethod
    def backward(ctx: Any, *_: Any) -> tuple[None, None]:
        return None, None


def started(given: Any) -> Any:
    """Return tensors like some, made by autograd where they want a gradient."""
    leaves, form = tree_flatten(given)
    metas = tensors(leaves)
    token = torch.empty(0, requires_grad=any(one.requires_grad for one in metas))
    made = iter(_Start.apply(metas, token))
    return tree_unflatten([next(made) if isinstance(v, Tensor) else v for v in leaves], form)
