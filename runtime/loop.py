"""``repeat``: a loop over one body graph, in either direction.

The body's graph takes and returns values in the order of `revc.codegen.interface`; a `Layout` says
how many there are of each sort.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from revc.errors import BindError
from revc.runtime import cotangents, traced
from revc.runtime.ports import take
from revc.runtime.state.checksum import checksum


@dataclass(frozen=True)
class Layout:
    """What a loop passes to its body.

    `rows[t]` picks turn t's nets out of those passed in; a shared repeat has one row. `turn` is
    where the turn's index stands among the sizes, or None. `backwards` runs from the last turn.
    """

    registers: int
    givens: int
    emits: int
    nets: int
    sizes: int
    rows: tuple[tuple[int, ...], ...]
    turn: int | None
    backwards: bool
    checked: bool

    def row(self, turn: int) -> tuple[int, ...]:
        """Return which nets turn `turn` uses."""
        return self.rows[turn] if len(self.rows) > 1 else self.rows[0]

    def turns(self, count: int) -> list[int]:
        """Return the turns in the order of the forward pass."""
        return list(reversed(range(count))) if self.backwards else list(range(count))

    def with_turn(self, sizes: Sequence[Any], turn: int) -> list[Any]:
        """Return the sizes with the turn's index in its place."""
        if self.turn is None:
            return list(sizes)
        return [*sizes[: self.turn], turn, *sizes[self.turn :]]


def _sum(registers: list[Tensor]) -> Tensor:
    return traced.checksum(*registers) if torch.compiler.is_compiling() else checksum(registers)


class Loop(nn.Module):
    """Runs a forward body over its turns.

    Takes registers.., givens.., nets.., sizes.., mode..; returns registers.., emits.., health.

    A checked loop also returns the checksums of the registers before each turn, [turns, registers],
    and the health after each turn, [turns, 3], both in the order of the forward pass.
    """

    def __init__(self, body: nn.Module, layout: Layout) -> None:
        super().__init__()
        self.body, self.layout = body, layout

    def forward(self, count: int, *args: Any) -> tuple[Any, ...]:
        """Run all turns."""
        values = iter(args)
        del args
        return turned(self.at, self.layout, count, values)

    def at(self, position: int) -> "Body":
        """Return what runs the turn at a position of the forward pass."""
        return self.body


def turned(at_turn: "Bodies", at: Layout, count: int, values: Iterator[Any]) -> tuple[Any, ...]:
    """Run a forward body over all turns; returns what `Loop` does."""
    state, givens, nets, sizes = (
        take(values, n) for n in (at.registers, at.givens, at.nets, at.sizes)
    )
    *mode, health = values
    emitted: list[list[Tensor]] = [[] for _ in range(at.emits)]
    checks, trail = _Rows(count), _Rows(count)
    order = at.turns(count)
    for position, turn in enumerate(order):
        if at.checked:
            checks.append(_sum(state))
        row = [nets[i] for i in at.row(turn)]
        extra = at.with_turn(sizes, turn)
        body = at_turn(position)
        *out, health = body(*state, *givens, *row, *extra, *mode, health)
        state, emits = out[: at.registers], out[at.registers :]
        trail.append(health)
        for store, value in zip(emitted, emits, strict=True):
            store.append(value)
    stacked = [_stack(store, order) for store in emitted]
    if not at.checked:
        return (*state, *stacked, health)
    return (*state, *stacked, health, checks.stacked(health), trail.stacked(health))


def _stack(values: list[Tensor], order: list[int]) -> Tensor:
    """Stack emitted values by turn, whatever the order in which they came.

    Raises:
        BindError: there was no turn.
    """
    if not values:
        raise BindError("a repeat of no turns emits nothing")
    by_turn = sorted(zip(order, values, strict=True), key=lambda pair: pair[0])
    return torch.stack([value for _, value in by_turn])


class _Rows:
    """Small rows gathered turn by turn, in pages of 64 turns.

    A page's size does not depend on the number of turns, nor does then the memory of a deep model.
    Traced graphs cannot write in place: they stack.
    """

    def __init__(self, count: int) -> None:
        self.count, self.rows = count, []  # type: int, list[Tensor]
        self.table: Tensor | None = None

    def append(self, row: Tensor) -> None:
        """Add a row."""
        if torch.compiler.is_compiling():
            self.rows.append(row)
            return
        if self.table is None:
            self.table = row.new_zeros((-(-self.count // 64) * 64, *row.shape))
            self.filled = 0
        self.table[self.filled] = row
        self.filled += 1

    def stacked(self, like: Tensor, backwards: bool = False) -> Tensor:
        """Return the rows stacked; an empty int64 matrix if there are none."""
        if self.table is not None:
            rows = self.table[: self.filled]
            return rows.flip(0) if backwards else rows
        if not self.rows:
            return torch.zeros(0, 2, dtype=torch.int64, device=like.device)
        return torch.stack(self.rows[::-1] if backwards else self.rows)


class VjpLoop(nn.Module):
    """Runs a VJP body over the turns, last of the forward pass first.

    Takes registers.., cotangents.., givens.., their cotangents.., stacked emit cotangents..,
    nets.., sizes.., mode..; returns registers.., cotangents.., given cotangents.., net
    cotangents.., health.
    A checked loop also takes the forward loop's checksums and returns how many registers differ
    from them, [turns].
    """

    def __init__(self, body: nn.Module, layout: Layout) -> None:
        super().__init__()
        self.body, self.layout = body, layout

    def forward(self, count: int, *args: Any) -> tuple[Any, ...]:
        """Run all turns."""
        at, values = self.layout, iter(args)
        state, cots, givens, given_cots, emit_cots, nets, sizes = (
            take(values, n)
            for n in (at.registers, at.registers, at.givens, at.givens, at.emits, at.nets, at.sizes)
        )
        rest = list(values)
        checks = rest.pop() if at.checked else None
        *mode, health = rest
        del args, rest
        found: list[Any] = [None] * at.nets
        wrong = _Rows(count)
        order = at.turns(count)
        for position in reversed(range(count)):
            turn = order[position]
            row = [nets[i] for i in at.row(turn)]
            pulled = [cot[turn] for cot in emit_cots]
            extra = at.with_turn(sizes, turn)
            body = self.at(position)
            parts = iter(
                body(*state, *cots, *givens, *given_cots, *pulled, *row, *extra, *mode, health)
            )
            state, cots, given_cots, by_net = (
                take(parts, n) for n in (at.registers, at.registers, at.givens, len(row))
            )
            health = next(parts)
            for slot, part in zip(at.row(turn), by_net, strict=True):
                found[slot] = cotangents.add(found[slot], part)
            if checks is not None:
                wrong.append((_sum(state) != checks[position]).sum())
        result = (*state, *cots, *given_cots, *found, health)
        if checks is None:
            return result
        return (*result, wrong.stacked(health, backwards=True).reshape(-1))

    def at(self, position: int) -> "Body":
        """Return what runs the turn at a position of the forward pass."""
        return self.body


Body = Callable[..., tuple[Any, ...]]
Bodies = Callable[[int], Body]
