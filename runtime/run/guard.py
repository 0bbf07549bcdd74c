"""Operators that keep a backward pass honest under torch.compile, and what they raise.

`anchor` copies the state at the start of the backward pass and depends on a cotangent; without it
the compiler could move the whole rebuild, and its checks, into the forward pass. `settle` and
`verify` raise when a run went wrong; their result must be used, or the compiler drops them.
"""

import warnings
from collections.abc import Sequence

import torch
from torch import Tensor

from revc.errors import ReconstructionError, RevcError
from revc.runtime.interface import Interface, SegmentPlan


class NonFiniteError(RevcError):
    """An increment was infinite or NaN, or a freed register did not hold its value."""


class ClampWarning(UserWarning):
    """An increment was clamped to its lattice: exact all the same, but not what the nets meant."""


_interfaces: dict[str, Interface] = {}


def register(interface: Interface) -> str:
    """Make an interface known to the operators; return the key that they take."""
    _interfaces[interface.program_hash] = interface
    return interface.program_hash


def settle_now(trail: Tensor, names: Sequence[str], program: str) -> None:
    """Raise if the health after some segment, [segments, 2], shows that it went wrong.

    Raises:
        NonFiniteError: an increment was not finite, or a freed register not as promised.
    """
    for (size, wrong), name in zip(trail.tolist(), names, strict=True):
        if not size < float("inf"):
            raise NonFiniteError(f"{program}, {name}: an increment is not finite")
        if size >= 1:
            text = f"{program}, {name}: an increment is beyond the lattice and was clamped"
            warnings.warn(text, ClampWarning, stacklevel=2)
        if wrong:
            raise NonFiniteError(
                f"{program}, {name}: {int(wrong)} elements of a freed register do not hold "
                "the value that the spec says"
            )


def verify_now(wrong: Tensor, names: Sequence[str], program: str) -> None:
    """Raise if some segment's rebuilt input, [segments], differs from the forward pass's.

    Raises:
        ReconstructionError: it does; names the last such segment, where the rebuild went wrong.
    """
    found = wrong.tolist()
    for index in reversed(range(len(found))):
        if found[index]:
            raise ReconstructionError(
                f"{program}, {names[index]}: {found[index]} of its registers could not be rebuilt "
                "bit for bit. Between forward and backward something changed: a parameter "
                "(through .data), the state itself, or a net that does not repeat its result "
                "(dropout, a random or nondeterministic operation)"
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


@torch.library.custom_op("revc::anchor", mutates_args=())
def anchor(state: Sequence[Tensor], cotangent: Tensor) -> list[Tensor]:
    """Return copies of the state's registers."""
    return [register.clone() for register in state]


@anchor.register_fake
def _(state: Sequence[Tensor], cotangent: Tensor) -> list[Tensor]:
    return [torch.empty_like(register) for register in state]


@torch.library.custom_op("revc::settle", mutates_args=())
def settle(trail: Tensor, counts: Sequence[int], key: str) -> Tensor:
    """Run `settle_now`; return a 0-dim zero."""
    at = _interfaces[key]
    settle_now(trail, segment_names(at, counts), at.name)
    return trail.new_zeros(())


@settle.register_fake
def _(trail: Tensor, counts: Sequence[int], key: str) -> Tensor:
    return trail.new_empty(())


@torch.library.custom_op("revc::verify", mutates_args=())
def verify(wrong: Tensor, counts: Sequence[int], key: str) -> Tensor:
    """Run `verify_now`; return a 0-dim float32 zero."""
    at = _interfaces[key]
    verify_now(wrong, segment_names(at, counts), at.name)
    return wrong.new_zeros((), dtype=torch.float32)


@verify.register_fake
def _(wrong: Tensor, counts: Sequence[int], key: str) -> Tensor:
    return wrong.new_empty((), dtype=torch.float32)
