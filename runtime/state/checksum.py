"""64-bit checksums of state: a dot product with odd weights, in wrapping integer arithmetic.

Odd weights are units modulo 2**64, so any change of a single word (one flipped bit, say) changes
the sum; integer sums do not depend on the order of summation, so every device gives the same value.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import torch
from torch import Tensor

from revc.runtime.state.device import kernels_for
from revc.runtime.state.weights import COLUMNS, MULTIPLIER

Observer = Callable[[list[Tensor]], None]

_observer: ContextVar[Observer | None] = ContextVar("observer", default=None)


@contextmanager
def observing(observer: Observer) -> Iterator[None]:
    """Hand the registers of every checked place to `observer`, as audits want them.

    Only those that this thread checks: autograd runs a backward pass on an accelerator in threads
    of its own, unless `torch.autograd.set_multithreading_enabled(False)` says otherwise.
    """
    outer = _observer.set(observer)
    try:
        yield
    finally:
        _observer.reset(outer)


def observed() -> bool:
    """Say whether somebody observes what this thread checks."""
    return _observer.get() is not None


def checksum(registers: list[Tensor]) -> Tensor:
    """Return one int64 checksum a register, shape ``[len(registers)]``; contiguous or not."""
    if not torch.compiler.is_compiling():
        observer = _observer.get()
        if observer is not None:
            observer(registers)
    if not registers:
        return torch.zeros(0, dtype=torch.int64, device="cpu")
    return torch.stack([digest(register) for register in registers])


def digest(register: Tensor) -> Tensor:
    """Return the checksum of one tensor, 0-dim int64."""
    flat = register.detach().contiguous().reshape(-1)
    per_word = 8 // flat.element_size()
    if not torch.compiler.is_compiling() and flat.storage_offset() % per_word:
        flat = flat.clone()  # a slice of a batch of one is contiguous, and may begin within a word
    whole = flat.numel() // per_word
    head, tail = flat[: whole * per_word], flat[whole * per_word :]
    words = head.view(torch.int64)
    if kernels := kernels_for(words):
        total = torch.zeros((), dtype=torch.int64, device=flat.device)
        kernels.add_checksum(words, total)
    else:
        total = _words(words)
    if tail.numel():
        rest = tail if not tail.is_floating_point() else tail.view(_BITS[tail.element_size()])
        total = (
            total + (rest.to(torch.int64) * _weights(rest.numel(), rest.device, whole + 1)).sum()
        )
    return total


def top_bits(checksum: Tensor, count: int) -> Tensor:
    """Return so many bits of a checksum, on which all of its bits have an influence.

    The low bits of a checksum do not see what changes high bits of words alone, as a sign or a
    factor of two does: those of a product with an odd number run upwards.
    """
    return (checksum * MULTIPLIER) >> (64 - count) & ((1 << count) - 1)


_BITS = {2: torch.int16, 4: torch.int32, 8: torch.int64}


def _words(words: Tensor) -> Tensor:
    """Two levels, columns then rows, so that the weights take no memory worth naming."""
    rows = words.numel() // COLUMNS
    body, rest = words[: rows * COLUMNS].view(rows, COLUMNS), words[rows * COLUMNS :]
    columns = _weights(COLUMNS, words.device, 0)
    total = (rest * columns[: rest.numel()]).sum()
    if rows:
        total = total + (_rows(body, columns) * _weights(rows, words.device, 1)).sum()
    return total


def _rows(body: Tensor, columns: Tensor) -> Tensor:
    # Only the CPU has integer matrix-vector products; elsewhere the compiler fuses the reduction.
    if body.device.type == "cpu" and not torch.compiler.is_compiling():
        return torch.mv(body, columns)
    return (body * columns).sum(-1)


def _weights(count: int, device: torch.device, offset: int) -> Tensor:
    index = torch.arange(offset, offset + count, device=device, dtype=torch.int64)
    return (2 * index + 1) * MULTIPLIER
