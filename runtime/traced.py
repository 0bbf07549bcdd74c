"""The steps that torch.compile compiles once, however often a program takes them.

Each is functional: a nested region may not change its inputs. The public functions are thin, since
a graph calls a function by its module and name.
"""

import itertools
import sys
from collections.abc import Callable
from inspect import signature
from types import FunctionType
from typing import Any

import torch
from torch import Tensor
from torch.compiler import nested_compile_region
from torch.fx import GraphModule

from revc.runtime import settled
from revc.runtime.shown import lies_inside
from revc.runtime.state import alloc_health, lattice
from revc.runtime.state.checksum import checksum as _checksum

# torch 2.13 refuses a region's ninth version (of shapes, say) unless it is told otherwise.
_BOUND = "max_reuse_entries"
_UNBOUNDED: dict[str, Any] = (
    {_BOUND: sys.maxsize} if _BOUND in signature(nested_compile_region).parameters else {}
)


def compiled_once(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that torch.compile compiles once for all its calls of equal shapes."""
    region: Callable[..., Any] = nested_compile_region(function, **_UNBOUNDED)

    def call(*args: Any) -> Any:
        settled.look()
        return region(*args)

    return call


_made = itertools.count()


def region(graph: GraphModule) -> Callable[..., Any]:
    """Return a graph as a function that torch.compile compiles once, and tells from all others."""

    def run(*args: Any) -> Any:
        out = graph(*args)
        if isinstance(out, tuple | list):
            return tuple([_from_its_beginning(x) for x in out])
        return _from_its_beginning(out)

    # The compiler tells regions by their code object, and keeps few versions of each.
    code = run.__code__.replace(co_name=f"unit_{next(_made)}")
    return compiled_once(FunctionType(code, run.__globals__, code.co_name, None, run.__closure__))


def _from_its_beginning(x: Any) -> Any:
    """Return a result of a region, computed anew if it lies behind the beginning of its memory.

    Inductor (2.13) would begin as far behind it once more where it reads that. It drops a copy that
    looks as what is copied does, so the value is negated twice.
    """
    if not isinstance(x, Tensor) or not torch.compiler.is_dynamo_compiling():
        return x
    if not lies_inside(x):
        return x
    negated = torch.logical_not if x.dtype == torch.bool else torch.neg
    return negated(negated(x))


def update(
    state: Tensor, value: Tensor, sign: int, fraction_bits: int, health: Tensor
) -> tuple[Tensor, Tensor]:
    """Return the state with an increment added, and the health that took note of it."""
    return _update(state, value, sign, fraction_bits, health)


def retract(state: Tensor, value: Tensor, sign: int, fraction_bits: int) -> Tensor:
    """Return the state with an increment of sign `sign` taken back."""
    return _retract(state, value, sign, fraction_bits)


def damp(cotangent: Tensor, value: Tensor, fraction_bits: int, width: int) -> Tensor:
    """Return the cotangent of an increment: zero where `value` was clamped to its lattice."""
    return cotangent.masked_fill(lattice.outside(value, fraction_bits, width), 0.0)


def accumulate(total: Tensor, part: Tensor) -> Tensor:
    """Return the sum of two cotangents in the dtype of the first."""
    return _accumulate(total, part)


def checksum(*registers: Tensor) -> Tensor:
    """Return the registers' checksums, shape ``[len(registers)]``."""
    if not registers:  # Inductor cannot lower a region that takes nothing
        return torch.zeros(0, dtype=torch.int64, device="cpu")
    return _checksums(*registers)


@compiled_once
def _update(
    state: Tensor, value: Tensor, sign: int, fraction_bits: int, health: Tensor
) -> tuple[Tensor, Tensor]:
    changed = lattice.add(state, value, sign, fraction_bits)
    width = torch.iinfo(state.dtype).bits
    return changed, alloc_health.watch(value, fraction_bits, width, health)


@compiled_once
def _retract(state: Tensor, value: Tensor, sign: int, fraction_bits: int) -> Tensor:
    return lattice.add(state, value, -sign, fraction_bits)


@compiled_once
def _accumulate(total: Tensor, part: Tensor) -> Tensor:
    return total + part.to(total.dtype)


@compiled_once
def _checksums(*registers: Tensor) -> Tensor:
    return _checksum(list(registers))
