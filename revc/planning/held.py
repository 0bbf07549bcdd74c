"""What a piece of code holds and computes, operator by operator, without its numbers."""

import weakref
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from revc.planning.exchanges import OPERATORS, Move
from revc.planning.flops import operations
from revc.planning.remembered import answered, asked, recalled, remember
from revc.runtime.offload import hosting

_DEVICE = torch.ops.prim.device.default


class Held(TorchDispatchMode):
    """Counts the bytes of the storages that operators make, for as long as they live, and FLOPs.

    `moves` are what the operators that exchange bits hold themselves, in the order of their calls.

    Attributes:
        now, peak: bytes held, and the most of them; `peak` may be set back to `now`.
        flops: floating-point operations of matrix products and attention, as torch counts them.
        written: elements that the other operators wrote.
    """

    def __init__(self, moves: Sequence[Move] = ()) -> None:
        super().__init__()
        self._moves = iter(moves)
        self.now = self.peak = self.flops = self.written = 0
        self._sizes: dict[int, int] = {}

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Any = None
    ) -> Any:
        """Run the operation and count it."""
        kwargs = kwargs or {}
        if func is _DEVICE and isinstance(args[0], FakeTensor):
            return args[0].fake_device  # half of all calls
        call = asked(func, args, kwargs)
        answer = None if call is None else recalled(call)
        if call is not None and answer is not None:
            out, known = answered(answer, call.tensors), {_key(one) for one in call.tensors}
            self._count(func, out, known, answer.operations)
            return out
        known = {_key(value) for value in tree_leaves((args, kwargs)) if isinstance(value, Tensor)}
        out = func(*args, **kwargs)
        if func.name() in OPERATORS:
            self.move(_fresh_bytes(out, known))
        counted = operations(func, args, kwargs, out)
        if call is not None:
            remember(call, func, args, kwargs, out, counted)
        self._count(func, out, known, counted)
        return out

    def _count(self, func: Any, out: Any, known: set[int], counted: int) -> None:
        """Count the operations of a call, and the storages among its results that are fresh."""
        self.flops += counted
        for value in () if hosting() else tree_leaves(out):
            if not isinstance(value, Tensor):
                continue
            fresh = _key(value) not in known
            if not counted and (fresh or func._schema.is_mutable):
                self.written += value.numel()
            if fresh:
                self._add(value.untyped_storage())

    @property
    def operations(self) -> int:
        """FLOPs, and one operation for each element that the other operators wrote."""
        return self.flops + self.written

    def kept_of(self, storages: dict[int, int]) -> int:
        """Return how many bytes of some storages, by key, are held."""
        return sum(size for key, size in storages.items() if key in self._sizes)

    def move(self, out: int = 0) -> None:
        """Count the next move of bits, of whose bytes a result is counted as it is made."""
        one = next(self._moves, None)
        if one is not None:
            self.peak = max(self.peak, self.now + one.peak)
            self.now += one.kept - out

    def _add(self, storage: Any) -> None:
        if storage._cdata in self._sizes:
            return
        self._sizes[storage._cdata] = storage.nbytes()
        self.now += storage.nbytes()
        self.peak = max(self.peak, self.now)
        weakref.finalize(storage, self._gone, storage._cdata)

    def _gone(self, key: int) -> None:
        self.now -= self._sizes.pop(key)


def _fresh_bytes(values: Any, known: set[int]) -> int:
    return sum(size for key, size in storages(values).items() if key not in known)


def storages(values: Any) -> dict[int, int]:
    """Return the bytes of the storages of some tensors, each once, by key."""
    found = (value for value in tree_leaves(values) if isinstance(value, Tensor))
    return {_key(value): value.untyped_storage().nbytes() for value in found}


def _key(value: Tensor) -> int:
    key: int = value.untyped_storage()._cdata
    return key
