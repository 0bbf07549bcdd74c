"""Modules that are called as they are and draw from torch's generators: refused, or replayed."""

import weakref
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from revc.errors import BindError
from revc.runtime.bits import host
from revc.runtime.nets.leaf import Leaf

_draws: "weakref.WeakKeyDictionary[nn.Module, bool]" = weakref.WeakKeyDictionary()
"""Of modules that were called in training mode, whether their first call drew."""

States = tuple[Tensor, dict[torch.device, Tensor]]
"""The state of the generator of the CPU, and of those of other devices."""


@contextmanager
def drawing(leaf: Leaf, inputs: tuple[Tensor, ...], place: str) -> Iterator[None]:
    """Call a module that may draw.

    With ``rng = "replay"`` generators are set to where they stood in the forward pass when a call
    is evaluated again, and back behind it, as `torch.utils.checkpoint` does.

    Raises:
        BindError: it drew, and is not to be replayed.
    """
    if not _trains(leaf) or not all(type(x) is Tensor and x.device.type != "meta" for x in inputs):
        yield
    elif leaf.rng == "replay":
        with _replayed(leaf, inputs, place):
            yield
    else:
        _refuse(leaf, _draws.get(leaf.module, False))
        looks = leaf.module not in _draws and not any(host.captures(x.device) for x in inputs)
        devices = [x.device for x in inputs]
        before = _states(devices) if looks else None
        yield
        if before is not None:
            _draws[leaf.module] = not _same(before, _states(devices))
            _refuse(leaf, _draws[leaf.module])


@contextmanager
def drawing_nothing(nets: Iterable[tuple[str, nn.Module]], device: torch.device) -> Iterator[None]:
    """Run a segment that is compiled on its own, whose nets are called as they are, by name.

    Raises:
        BindError: one drew.
    """
    new = [(n, m) for n, m in nets if m not in _draws and any(p.training for p in m.modules())]
    looks = bool(new) and not host.captures(device)
    before = _states([device]) if looks else None
    yield
    if before is not None and not _same(before, _states([device])):
        raise BindError(
            f"a net of {', '.join(repr(name) for name, _ in new)} draws random numbers in a "
            "segment that is compiled on its own, and would draw others when its input is rebuilt: "
            "leave the segment as it is, or compile the whole model, whose nets draw from keys"
        )
    if before is not None:
        _draws.update((module, False) for _, module in new)


def _trains(leaf: Leaf) -> bool:
    return any(part.training for part in leaf.module.modules())


@contextmanager
def _replayed(leaf: Leaf, inputs: tuple[Tensor, ...], place: str) -> Iterator[None]:
    states, call = leaf.keys.states, leaf.keys.call(leaf.name, place)
    known: Any = states.get(call)
    if known is None:
        states[call] = before = _states([x.device for x in inputs])
        yield
        if not _same(before, _states(before[1])):
            leaf.keys.replayed.add(leaf.name)
        return
    kind = next((device.type for device in known[1]), "cuda")
    with torch.random.fork_rng([*known[1]], device_type=kind):
        torch.set_rng_state(known[0])
        for device, state in known[1].items():
            torch.get_device_module(device).set_rng_state(state, device)
        yield


def _states(devices: Iterable[torch.device]) -> States:
    """Return where the generators of the CPU and of some devices stand."""
    others = {device for device in devices if device.type != "cpu"}
    there = {d: torch.get_device_module(d).get_rng_state(d) for d in sorted(others, key=str)}
    return torch.get_rng_state(), there


def _same(one: States, other: States) -> bool:
    pairs = zip((one[0], *one[1].values()), (other[0], *other[1].values()), strict=True)
    return all(a.numpy().tobytes() == b.numpy().tobytes() for a, b in pairs)  # or fake modes mind


def _refuse(leaf: Leaf, draws: bool) -> None:
    if draws:
        raise BindError(
            f"net {leaf.name!r} is called as it is and draws from torch's generators, so that it "
            "would draw other numbers when its input is rebuilt. A net that is captured draws from "
            "a key of 128 bits that is charged (`capture`; `nets_report` says why this one is "
            'not); `rng = "replay"` saves the states of generators and restores them'
        )
