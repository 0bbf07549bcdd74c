"""Operators that keep a backward pass honest under torch.compile, and what they raise.

`anchor` copies the state at the start of the backward pass and depends on a cotangent; without it
the compiler could move the whole rebuild, and its checks, into the forward pass. `settle` and
`verify` raise when a run went wrong; their result must be used, or the compiler drops them.
"""

import warnings
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from revc.errors import ReconstructionError, RevcError
from revc.runtime.findings import Judge
from revc.runtime.flags import Flags, differences, flags
from revc.runtime.interface import Interface
from revc.runtime.segment_plan import SegmentPlan

if TYPE_CHECKING:
    from revc.runtime.run.counts import Counts


class NonFiniteError(RevcError):
    """An increment was infinite or NaN, or a freed register did not hold its value."""


class ClampWarning(UserWarning):
    """An increment was clamped to its lattice: exact all the same, but not what the nets meant."""


_interfaces: dict[str, Interface] = {}


def register(interface: Interface) -> str:
    """Make an interface known to the operators; return the key that they take."""
    _interfaces[interface.program_hash] = interface
    return interface.program_hash


def interface_of(key: str) -> Interface:
    """Return the interface that `register` gave a key."""
    return _interfaces[key]


def settle_now(
    trail: Iterable[tuple[float, float]], names: Sequence[str], program: str
) -> list[str]:
    """Raise if the health after some segment shows that it went wrong.

    `trail` has the first two numbers of each segment's (see `revc.runtime.state.alloc_health`).
    Returns the names of those in which an increment was clamped.

    Raises:
        NonFiniteError: an increment was not finite, or a freed register not as promised.
    """
    clamped: list[str] = []
    before = 0.0  # health only grows: what an earlier segment clamped shows in all later ones
    for (size, wrong), name in zip(trail, names, strict=True):
        if not size < float("inf"):
            raise NonFiniteError(f"{program}, {name}: an increment is not finite")
        if size >= 1 and size > before:
            clamped.append(name)
        before = size
        if wrong:
            raise NonFiniteError(
                f"{program}, {name}: {int(wrong)} elements of a freed register do not hold "
                "the value that the spec says"
            )
    return clamped


def judge_trail(names: Sequence[str], program: str, counts: "Counts", clamped: list[str]) -> Judge:
    """Return what runs `settle_now` on a trail, counts what was clamped, and lists it."""

    def judge(values: Sequence[float]) -> None:
        pairs = zip(values[::2], values[1::2], strict=True)
        clamped[:] = settle_now(pairs, names, program)
        for name in clamped:
            counts.increment(program, name)

    return judge


def verify_now(found: Sequence[float], names: Sequence[str], at: Interface, hint: str = "") -> None:
    """Raise if some segment's rebuilt input differs from the forward pass's.

    `found` says for each segment how many registers do, `hint` what else is known of that.

    Float state may differ by what the model's `drift` allows.

    Raises:
        ReconstructionError: it does; names the last such segment, where the rebuild went wrong.
    """
    for index in reversed(range(len(found))):
        if found[index]:
            how = "bit for bit. Between" if at.exact else _INEXACT
            raise ReconstructionError(
                f"{at.name}, {names[index]}: {int(found[index])} of its registers could not be "
                f"rebuilt {how} forward and backward something changed: a parameter "
                "(through .data), the state itself, or a net that does not repeat its result "
                f"(dropout, a random or nondeterministic operation){hint}"
            )


_INEXACT = (
    "as closely as `model.drift` says. Float state strays from step to step, and far through many "
    "layers or nets in 16 bits: a lattice does not. Or between"
)


def readable(value: Tensor) -> bool:
    """Say whether a tensor has data: fake and meta tensors have none to check."""
    return value.device.type != "meta" and type(value) in (Tensor, torch.nn.Parameter)


def segment_names(interface: Interface, counts: Sequence[int]) -> list[str]:
    """Return a name for each checked place; segment i has ``counts[i]`` of them, its turns."""
    names: list[str] = []
    for segment, count in zip(interface.segments, counts, strict=True):
        names += [step_name(segment, turn) for turn in range(count)]
    return names


def step_name(segment: SegmentPlan, turn: int) -> str:
    """Return what messages call a segment, or a turn of one."""
    return f"segment {segment.name}, turn {turn}" if segment.loop else f"segment {segment.name}"


@torch.library.custom_op("revc::own_state", mutates_args=())
def own_state(state: Sequence[Tensor], cotangent: Tensor) -> list[Tensor]:
    """Return copies of the state's registers."""
    return [register.clone() for register in state]


@own_state.register_fake
def _(state: Sequence[Tensor], cotangent: Tensor) -> list[Tensor]:
    return [torch.empty_like(register) for register in state]


_flags: dict[tuple[str, str], Flags] = {}
"""Those that a program's last compiled forward pass on a device found: compiled code sets none."""


def _changed(key: str, device: torch.device) -> str:
    """Return in words which flags that choose kernels a compiled run does not find as they were."""
    before = _flags.get((key, str(device)))
    text = "" if before is None else differences(before, flags(device))
    return f". What torch chooses kernels by has changed since: {text}" if text else ""


@torch.library.custom_op("revc::settle", mutates_args=())
def settle(trail: Tensor, counts: Sequence[int], key: str) -> Tensor:
    """Run `settle_now`; return a 0-dim zero."""
    at = _interfaces[key]
    _flags[key, str(trail.device)] = flags(trail.device)
    pairs = [(size, wrong) for size, wrong, _ in trail.tolist()]
    for name in settle_now(pairs, segment_names(at, counts), at.name):
        text = (
            f"{at.name}, {name}: an increment is beyond the lattice and was clamped; its gradient "
            "is zero there"
        )
        warnings.warn(text, ClampWarning, stacklevel=2)
    return trail.new_zeros(())


@settle.register_fake
def _(trail: Tensor, counts: Sequence[int], key: str) -> Tensor:
    return trail.new_empty(())


@torch.library.custom_op("revc::verify", mutates_args=())
def verify(wrong: Tensor, counts: Sequence[int], key: str) -> Tensor:
    """Run `verify_now`; return a 0-dim float32 zero."""
    at = _interfaces[key]
    found = wrong.tolist()
    hint = _changed(key, wrong.device) if any(found) else ""
    verify_now(found, segment_names(at, counts), at, hint)
    return wrong.new_zeros((), dtype=torch.float32)


@verify.register_fake
def _(wrong: Tensor, counts: Sequence[int], key: str) -> Tensor:
    return wrong.new_empty((), dtype=torch.float32)
