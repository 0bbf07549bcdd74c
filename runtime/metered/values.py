"""Values on stacks: pushed by a distribution, or as they lie in memory.

A residue that is written goes to the stack before its index, as uniform bits, and comes back after.
"""

import torch
from torch import Tensor

from revc.runtime.bits import BitStack
from revc.runtime.bits.dist import Distribution, FloatBits, Uniform
from revc.runtime.bits.dist.uniform import WideUniform
from revc.runtime.metered.coding import Coding
from revc.runtime.metered.quantiser import Parts, merge, overflows, split
from revc.runtime.state.lattice import INTEGERS

_WORD = 1 << 16


def push_value(stack: BitStack, raw: Tensor, coding: Coding, by: Distribution) -> None:
    """Push indices, and their residues if there are any."""
    parts = split(raw, coding)
    push_residue(stack, parts.residue, coding)
    stack.push(codable(parts.index, coding, by), by)


def pop_value(stack: BitStack, shape: torch.Size, coding: Coding, by: Distribution) -> Tensor:
    """Undo `push_value`, or draw."""
    index = stack.pop(by, shape)
    return merged(stack, Parts(index, pop_residue(stack, shape, coding)), coding)


def codable(index: Tensor, coding: Coding, by: Distribution) -> Tensor:
    """Return indices that the distribution can code: those of float state drift out of windows."""
    return by.clip(index) if coding.kind == "float32" else index


def has_residue(coding: Coding) -> bool:
    """Say whether values have an integer residue beside their index."""
    return coding.kind == "lattice" and coding.unit > 1


def push_residue(stack: BitStack, residue: Tensor | None, coding: Coding) -> None:
    """Push residues as uniform bits."""
    if has_residue(coding) and residue is not None:
        stack.push(residue, Uniform(coding.unit, residue.device))


def pop_residue(stack: BitStack, shape: torch.Size, coding: Coding) -> Tensor | None:
    """Pop what `push_residue` pushed: int64 of `shape` in [0, unit), None where there is none."""
    if not has_residue(coding):
        return None
    return stack.pop(Uniform(coding.unit, stack.device), shape).long()


def merged(stack: BitStack, parts: Parts, coding: Coding) -> Tensor:
    """Return the values of parts, having checked that the lattice holds them."""
    text = f"a value was drawn that a lattice of {coding.width} bits does not hold"
    stack.engine.faults.symbol(overflows(parts, coding), text)
    return merge(parts, coding)


def push_pattern(stack: BitStack, raw: Tensor, coding: Coding) -> None:
    """Push values as they lie in memory; floats by a fixed table of their classes."""
    if coding.kind == "float32":
        stack.push(raw, FloatBits(torch.float32, device=raw.device))
        return
    for shift in range(0, coding.width, 16):
        stack.push((raw.long() >> shift) & (_WORD - 1), Uniform(_WORD, raw.device))


def push_index(stack: BitStack, parts: Parts, coding: Coding) -> None:
    """Push indices as the numbers of the values that a lattice holds beside their residues.

    So whatever is popped is a value of the lattice, also from a stack that holds other bits, as
    where a valve is undone first. A 64 bit lattice has too many; its indices go as patterns.
    """
    if coding.width > 32:
        push_pattern(stack, parts.index, coding)
        return
    first, count = _indices(parts.residue, parts.index, coding)
    stack.push(parts.index.long() - first, WideUniform(count))


def pop_index(stack: BitStack, left: Parts, coding: Coding) -> Tensor:
    """Undo `push_index`; `left` has the residues, and an index of the same shape."""
    if coding.width > 32:
        return pop_pattern(stack, left.index.shape, coding)
    first, count = _indices(left.residue, left.index, coding)
    return (stack.pop(WideUniform(count), count.shape) + first).to(torch.int32)


def _indices(residue: Tensor | None, like: Tensor, coding: Coding) -> tuple[Tensor, Tensor]:
    """Return the first index that is in the lattice with each residue, and how many are, int64."""
    rest = torch.zeros(like.shape, dtype=torch.int64, device=like.device)
    rest = rest if residue is None else residue
    half, end = coding.unit // 2, 1 << (coding.width - 1)
    low, high = half - end - rest, half + end - 1 - rest
    first = -torch.div(-low, coding.unit, rounding_mode="floor")
    last = torch.div(high, coding.unit, rounding_mode="floor")
    return first, last - first + 1


def pop_pattern(stack: BitStack, shape: torch.Size, coding: Coding) -> Tensor:
    """Pop what `push_pattern` pushed: values of `shape` in the lattice's dtype, or float32."""
    if coding.kind == "float32":
        return stack.pop(FloatBits(torch.float32, device=stack.device), shape)
    total = torch.zeros(shape, dtype=torch.int64, device=stack.device)
    for shift in reversed(range(0, coding.width, 16)):
        total |= stack.pop(Uniform(_WORD, stack.device), shape).long() << shift
    unused = 64 - coding.width
    return ((total << unused) >> unused).to(INTEGERS[coding.width])
