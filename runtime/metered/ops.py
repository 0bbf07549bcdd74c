"""The exchanges as PyTorch custom operators, so that fx graphs and torch.compile carry them.

A session is passed as its *token*, int64 [2] on the CPU: (serial, exchanges so far). Operators are
declared to mutate it, which gives the exchanges of a run a total order in any graph and keeps them
from being removed or run twice. `site` is the statement's number in the plan of the session. The
functions without underscore are what graphs call.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.library import custom_op

from revc.runtime.metered import exchange, scaling
from revc.runtime.metered import valve as valves
from revc.runtime.metered.plan import Site
from revc.runtime.metered.session import Session, session_of

NAMESPACE = "revc"


def _entered(token: Tensor, site: int) -> tuple[Session, Site]:
    """Count an exchange; return its session and what is known of its statement."""
    session = session_of(token)
    token[1] += 1
    return session, session.plan.sites[site]


@custom_op(f"{NAMESPACE}::give", mutates_args=("token",))
def _give(token: Tensor, raw: Tensor, params: Tensor | None, site: int) -> None:
    session, at = _entered(token, site)
    exchange.give(session, raw, params, at)


@custom_op(f"{NAMESPACE}::take", mutates_args=("token",))
def _take(
    token: Tensor, shape: Sequence[int], params: Tensor | None, dtype: torch.dtype,
    device: torch.device, site: int,
) -> Tensor:  # fmt: skip
    session, at = _entered(token, site)
    return exchange.take(session, torch.Size(shape), params, at)


@custom_op(f"{NAMESPACE}::valve", mutates_args=("token",))
def _valve(token: Tensor, raw: Tensor, params: Tensor | None, site: int, undo: bool) -> Tensor:
    session, at = _entered(token, site)
    return (valves.unvalve if undo else valves.valve)(session, raw, params, at)


@custom_op(f"{NAMESPACE}::scale", mutates_args=("token",))
def _scale(
    token: Tensor, raw: Tensor, factor: Tensor, low: float, high: float, site: int, undo: bool
) -> Tensor:
    session, at = _entered(token, site)
    return scaling.scale(session, raw, factor, (low, high), at, undo)


@custom_op(f"{NAMESPACE}::squash", mutates_args=("token",))
def _squash(token: Tensor, raw: Tensor, site: int, undo: bool) -> Tensor:
    session, at = _entered(token, site)
    return scaling.squash(session, raw, at, undo)


@_give.register_fake
def _(*_: object) -> None:
    return None


@_take.register_fake
def _(
    token: Tensor, shape: Sequence[int], params: Tensor | None, dtype: torch.dtype,
    device: torch.device, site: int,
) -> Tensor:  # fmt: skip
    return torch.empty(tuple(shape), dtype=dtype, device=device)


@_valve.register_fake
@_scale.register_fake
@_squash.register_fake
def _(token: Tensor, raw: Tensor, *_: object) -> Tensor:
    return torch.empty(raw.shape, dtype=raw.dtype, device=raw.device)


def give(token: Tensor, raw: Tensor, params: Tensor | None, site: int) -> None:
    """Push a register; see `exchange.give`."""
    _give(token, raw, params, site)


def take(
    token: Tensor, shape: Sequence[int], params: Tensor | None, dtype: torch.dtype,
    device: torch.device, site: int,
) -> Tensor:  # fmt: skip
    """Pop a register of a shape and dtype; see `exchange.take`."""
    return _take(token, shape, params, dtype, device, site)


def valve(token: Tensor, raw: Tensor, params: Tensor | None, site: int, undo: bool) -> Tensor:
    """Reset a slot, or undo that; see `revc.runtime.metered.valve`."""
    return _valve(token, raw, params, site, undo)


def scale(
    token: Tensor, raw: Tensor, factor: Tensor, low: float, high: float, site: int, undo: bool
) -> Tensor:
    """Multiply or divide exactly; see `scaling.scale`."""
    return _scale(token, raw, factor, low, high, site, undo)


def squash(token: Tensor, raw: Tensor, site: int, undo: bool) -> Tensor:
    """Apply softsign exactly, or undo it; see `scaling.squash`."""
    return _squash(token, raw, site, undo)
