"""Values on stacks: pushed by a distribution, or as they lie in memory.

A residue that is written goes to the stack before its index, as uniform bits, and comes back after.
"""

import torch
from torch import Tensor

from revc.runtime.bits import BitStack, host
from revc.runtime.bits.dist import Distribution, FloatBits, Uniform
from revc.runtime.bits.dist.uniform import WideUniform
from revc.runtime.metered.coding import Coding
from revc.runtime.metered.device import part_kernels
from revc.runtime.metered.quantiser import Parts, merge, overflows, split, whole
from revc.runtime.state.lattice import INTEGERS

_WORD = 1 << 16
_SHIFTS = (0, 16, 32)
_FINE = _WORD ** len(_SHIFTS)


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
    if coding.kind == "lattice" and coding.width < 64 and host.waits(stack.device):
        kernels = part_kernels(coding, parts.index)
        if kernels is not None:
            raw, bad = kernels.join(parts.index, parts.residue, coding.unit, coding.dtype)
            stack.engine.faults.symbol(bad, text)
            return raw
        value = whole(parts, coding)  # which one look at what became of it spares a dozen others
        raw = value.to(coding.dtype)
        stack.engine.faults.symbol((raw != value).any(), text)
        return raw
    stack.engine.faults.symbol(overflows(parts, coding), text)
    return merge(parts, coding)


def push_rest(stack: BitStack, value: Tensor, coding: Coding, by: Distribution) -> None:
    """Push how far float values lie from their indices, in 2**-48 of a step: float32 exactly.

    What a tape gave goes back to it bit for bit. Values on an index are therefore pushed as they
    lie in memory besides: of them the place alone tells no signed zero and no tiny number.
    """
    index = codable(split(value, coding).index, coding, by)
    steps = value.double() / coding.step - index.double()
    rest = ((steps + 0.5) * _FINE).round().clamp(0, _FINE - 1).long()
    on_index = rest == _FINE // 2
    memory = value.float().contiguous().view(torch.int32).long()
    _push_words(stack, torch.where(on_index, memory, 0), on_index, _SHIFTS[:2])
    _push_words(stack, rest, torch.ones_like(on_index), _SHIFTS)


def pop_rest(stack: BitStack, shape: torch.Size) -> tuple[Tensor, Tensor]:
    """Undo `push_rest`: how far values lie from their indices, in steps, and those on an index."""
    everywhere = torch.ones(shape, dtype=torch.bool, device=stack.device)
    rest = _pop_words(stack, everywhere, _SHIFTS)
    memory = _pop_words(stack, rest == _FINE // 2, _SHIFTS[:2])
    signed = ((memory << 32) >> 32).to(torch.int32)
    return rest.double() / _FINE - 0.5, signed.view(torch.float32)


def placed(index: Tensor, rest: tuple[Tensor, Tensor], coding: Coding) -> Tensor:
    """Return float values from their indices and what `pop_rest` returned."""
    steps, on_index = rest
    return torch.where(steps == 0, on_index, ((index.double() + steps) * coding.step).float())


def _push_words(stack: BitStack, value: Tensor, where: Tensor, shifts: tuple[int, ...]) -> None:
    """Push 16 bits for each shift, of the elements `where` something is to be pushed."""
    for shift in shifts:
        stack.push((value >> shift) & (_WORD - 1), WideUniform(torch.where(where, _WORD, 1)))


def _pop_words(stack: BitStack, where: Tensor, shifts: tuple[int, ...]) -> Tensor:
    """Undo `_push_words`, with zeros elsewhere."""
    found = torch.zeros(where.shape, dtype=torch.int64, device=where.device)
    for shift in reversed(shifts):
        word = stack.pop(WideUniform(torch.where(where, _WORD, 1)), where.shape)
        found |= word.long() << shift
    return found


def push_pattern(stack: BitStack, raw: Tensor, coding: Coding) -> None:
    """Push values as they lie in memory; floats by a fixed table of their classes.

    Float state is held in the dtype of what it was given, but is float32 by its type: of float64 a
    tape keeps no more.
    """
    if coding.kind == "float32":
        stack.push(raw.float(), FloatBits(torch.float32, device=raw.device))
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
