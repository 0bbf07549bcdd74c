"""Sizes that code of a compiler has as numbers: those that a program or a net of it settles.

Torch (2.13) forgets which symbols a region hangs on where one of them becomes a number after the
region was traced. So a size that turns out to be settled, say by a kernel that takes a number, is
settled where a run begins, and the trace begins anew.
"""

import threading
from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor

from revc.runtime.open_sizes import named

_settled: dict[tuple[str, bool], set[tuple[int, int]]] = {}
"""Of each model, by its code and whether it trains: which axes of which inputs are numbers."""


class _Begun(threading.local):
    """The inputs of the run that this thread traces, and their sizes as it began."""

    def __init__(self) -> None:
        self.key = "", False
        self.inputs: list[tuple[Tensor, tuple[int | str, ...]]] = []


_begun = _Begun()


def begin(code: str, training: bool, inputs: Sequence[Tensor]) -> None:
    """Settle what is to be settled of a run's inputs, where Dynamo begins to trace it."""
    from torch._dynamo.comptime import comptime

    comptime(_begin)
    for x in inputs:  # noqa: B007  # which `_settle` looks up
        comptime(_settle)


def _begin(context: Any) -> None:
    code, training = (context.get_local(name) for name in ("code", "training"))
    _begun.key = code.as_python_constant(), training.as_python_constant()
    _begun.inputs = []


def _settle(context: Any) -> None:
    x, wanted = context.get_local("x").as_fake(), _settled.get(_begun.key, ())
    for axis, size in enumerate(x.shape):
        if (len(_begun.inputs), axis) in wanted:
            int(size)
    _begun.inputs.append((x, named(x.shape)))


def look() -> None:
    """Check, where Dynamo traces this."""
    if torch.compiler.is_dynamo_compiling():
        from torch._dynamo.comptime import comptime

        comptime(check)


def check(_: Any = None) -> None:
    """Have the trace begin anew if a size of the run's inputs was settled since it began.

    Raises:
        UnspecializeRestartAnalysis: one was, which is Dynamo's to catch.
    """
    _again({
        (index, axis)
        for index, (x, before) in enumerate(_begun.inputs)
        for axis, (now, was) in enumerate(zip(named(x.shape), before, strict=True))
        if now != was
    })  # fmt: skip


def settle(tensors: Iterable[Tensor]) -> None:
    """Have the trace begin anew, with sizes as numbers that those of some tensors hang on.

    Raises:
        UnspecializeRestartAnalysis: there are some, which is Dynamo's to catch.
    """
    symbols = {one for x in tensors for size in (*x.shape, *x.stride()) for one in _symbols(size)}
    _again({
        (index, axis)
        for index, (x, _) in enumerate(_begun.inputs)
        for axis, size in enumerate(x.shape)
        if not symbols.isdisjoint(_symbols(size))
    })  # fmt: skip


def _symbols(size: Any) -> set[Any]:
    return set() if isinstance(size, int) else {*size.node.expr.free_symbols}


def _again(found: set[tuple[int, int]]) -> None:
    from torch._dynamo.exc import UnspecializeRestartAnalysis

    if found:
        _settled.setdefault(_begun.key, set()).update(found)
        _begun.inputs = []  # whatever begins anew, it is not asked about these again
        # This kind does not expect to see the same code again, which hangs on what is a number.
        raise UnspecializeRestartAnalysis(
            restart_reason="sizes of the program's inputs are settled"
        )


def forget(code: str) -> None:
    """Forget a model."""
    for training in (False, True):
        _settled.pop((code, training), None)
