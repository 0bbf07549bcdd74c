"""The exchanges as PyTorch custom operators, so that fx graphs and torch.compile carry them.

A session is passed as its *token*, int64 [2] on the CPU: (serial, exchanges so far). Operators are
declared to mutate it, which gives the exchanges of a run a total order in any graph and keeps them
from being removed or run twice. The functions without underscore are what graphs call.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.library import custom_op

from revc.runtime.metered import exchange, scaling
from revc.runtime.metered import valve as valves
from revc.runtime.metered.coding import Coding
from revc.runtime.metered.session import session_of

NAMESPACE = "revc"


@custom_op(f"{NAMESPACE}::give", mutates_args=("token",))
def _give(
    token: Tensor, raw: Tensor, params: Tensor | None, meter: str, stack: str, coding: str
) -> None:
    exchange.give(session_of(token), raw, params, meter, stack, Coding.parse(coding))
    token[1] += 1


@custom_op(f"{NAMESPACE}::take", mutates_args=("token",))
def _take(
    token: Tensor, shape: Sequence[int], params: Tensor | None, device: torch.device, meter: str,
    stack: str, coding: str,
) -> Tensor:  # fmt: skip
    at = Coding.parse(coding)
    token[1] += 1
    return exchange.take(session_of(token), torch.Size(shape), params, meter, stack, at)


@custom_op(f"{NAMESPACE}::valve", mutates_args=("token",))
def _valve(
    token: Tensor, raw: Tensor, params: Tensor | None, meter: str, stack: str, coding: str,
    undo: bool,
) -> Tensor:  # fmt: skip
    run = valves.unvalve if undo else valves.valve
    token[1] += 1
    return run(session_of(token), raw, params, meter, stack, Coding.parse(coding))


@custom_op(f"{NAMESPACE}::scale", mutates_args=("token",))
def _scale(
    token: Tensor, raw: Tensor, factor: Tensor, low: float, high: float, meter: str, stack: str,
    undo: bool,
) -> Tensor:  # fmt: skip
    token[1] += 1
    return scaling.scale(session_of(token), raw, factor, (low, high), meter, stack, undo)


@custom_op(f"{NAMESPACE}::squash", mutates_args=("token",))
def _squash(token: Tensor, raw: Tensor, meter: str, stack: str, coding: str, undo: bool) -> Tensor:
    token[1] += 1
    at = Coding.parse(coding)
    return scaling.squash(session_of(token), raw, meter, stack, at, undo)


@_give.register_fake
def _(*_: object) -> None:
    return None


@_take.register_fake
def _(
    token: Tensor, shape: Sequence[int], params: Tensor | None, device: torch.device, meter: str,
    stack: str, coding: str,
) -> Tensor:  # fmt: skip
    return torch.empty(tuple(shape), dtype=Coding.parse(coding).dtype, device=device)


@_valve.register_fake
@_scale.register_fake
@_squash.register_fake
def _(token: Tensor, raw: Tensor, *_: object) -> Tensor:
    return torch.empty(raw.shape, dtype=raw.dtype, device=raw.device)


def give(
    token: Tensor, raw: Tensor, params: Tensor | None, meter: str, stack: str, coding: str
) -> None:
    """Push a register; see `exchange.give`."""
    _give(token, raw, params, meter, stack, coding)


def take(
    token: Tensor, shape: Sequence[int], params: Tensor | None, device: torch.device, meter: str,
    stack: str, coding: str,
) -> Tensor:  # fmt: skip
    """Pop a register; see `exchange.take`."""
    return _take(token, shape, params, device, meter, stack, coding)


def valve(
    token: Tensor, raw: Tensor, params: Tensor | None, meter: str, stack: str, coding: str,
    undo: bool,
) -> Tensor:  # fmt: skip
    """Reset a slot, or undo that; see `revc.runtime.metered.valve`."""
    return _valve(token, raw, params, meter, stack, coding, undo)


def scale(
    token: Tensor, raw: Tensor, factor: Tensor, low: float, high: float, meter: str, stack: str,
    undo: bool,
) -> Tensor:  # fmt: skip
    """Multiply or divide exactly; see `scaling.scale`."""
    return _scale(token, raw, factor, low, high, meter, stack, undo)


def squash(token: Tensor, raw: Tensor, meter: str, stack: str, coding: str, undo: bool) -> Tensor:
    """Apply softsign exactly, or undo it; see `scaling.squash`."""
    return _squash(token, raw, meter, stack, coding, undo)
