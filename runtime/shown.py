"""What a compiler knows of a tensor, asked where it traces without asking it in the traced code.

Dynamo (2.13) traces a backward pass once more, and with what is stale by then, if that asks for
strides or offsets.
"""

import threading
from typing import Any

import torch
from torch import SymInt, Tensor

from revc.runtime.open_sizes import hint, named


class _Noted(threading.local):
    """What a compiler knows of the tensors that it was last shown."""

    def __init__(self) -> None:
        self.tensors: list[Tensor] = []


_noted = _Noted()


def _note(context: Any) -> None:
    _noted.tensors.append(context.get_local("x").as_fake())


def show(x: Tensor) -> None:
    """Note what Dynamo, where it traces this, knows of a tensor: for `shown`."""
    if not torch.compiler.is_dynamo_compiling():
        _noted.tensors.append(x)
        return
    from torch._dynamo.comptime import comptime

    comptime(_note)


def shown(count: int) -> list[Tensor]:
    """Return what was noted last, in order; a trace that ended early may have left more."""
    found, _noted.tensors = _noted.tensors[len(_noted.tensors) - count :], []
    return found


def lies_inside(x: Tensor) -> bool:
    """Say whether a tensor lies behind the beginning of its memory."""
    return _answer("inside", x)


def lies_by_rows(x: Tensor) -> bool:
    """Say whether a tensor lies row by row, for all sizes if some are open.

    Stricter than `contiguous`, which lets axes of one element have any stride: kernels look at it.
    """
    return _answer("rows", x)


def lies_by_features(x: Tensor) -> bool:
    """Say whether what is along the last axis of a tensor lies side by side."""
    return _answer("features", x)


def _inside(x: Tensor) -> bool:
    return hint(x.storage_offset()) != 0


def _rows(x: Tensor) -> bool:
    stride: int | SymInt = 1
    for size, now in zip(reversed(x.shape), reversed(x.stride()), strict=True):
        if not _same(now, stride):
            return False
        stride *= max(size, 1) if isinstance(size, int) else size
    return True


def _features(x: Tensor) -> bool:
    return _same(x.stride(-1), 1)


def _same(one: int | SymInt, other: int | SymInt) -> bool:
    """Say whether two sizes are one, without a guard."""
    if type(one) is int and type(other) is int:
        return one == other
    return named((one,)) == named((other,))


_QUESTIONS = {"inside": _inside, "rows": _rows, "features": _features}


def _answer(question: str, x: Tensor) -> bool:
    if not torch.compiler.is_dynamo_compiling():
        return _QUESTIONS[question](x)
    show(x)
    return _of_shown(question)


def _of_shown(question: str) -> bool:
    return all(map(_QUESTIONS[question], shown(1)))


# What torch.compiler.assume_constant_result does, which imports all of Dynamo to do it.
_of_shown._dynamo_marked_constant = True  # type: ignore[attr-defined]
