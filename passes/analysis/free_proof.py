"""Is the value that `free` claims really there? Follow what each register holds.

The walk keeps a symbolic value for each register (see `symbolic`). Computing and uncomputing
cancel: what was added is subtracted, what was called is uncalled.
"""

import itertools
from collections.abc import Hashable, Iterator
from dataclasses import dataclass

from revc.ir.instructions import (
    Add,
    Alloc,
    BlockCall,
    Free,
    Instruction,
    Join,
    Let,
    Negate,
    Permute,
    Reshape,
    Split,
    Squeeze,
    Swap,
)  # fmt: skip
from revc.ir.program import Block
from revc.passes.analysis.symbolic import ZERO, Value, add, atom, evaluate, inputs, of_expr

TRIALS = (0.0, 1.0, -1.0, 0.5)
MOST_INPUTS = 4


@dataclass(frozen=True, slots=True)
class Unproved:
    """A `free` whose claim does not follow, with inputs that break it when some were found."""

    step: Free
    witness: str | None


def unproved_frees(block: Block) -> Iterator[Unproved]:
    """Yield the `free` instructions of a block's own body whose claim is not proved."""
    if not any(isinstance(step, Free) for step in block.body):
        return
    held = {r.name: atom(("in", r.name)) for r in (*block.takes, *block.givens)}
    for number, step in enumerate(block.body):
        if isinstance(step, Free):
            off = add(held[step.name], of_expr(step.value, held), -1)
            if off:
                yield Unproved(step, _witness(off))
        _step(step, held, number)


def _witness(off: Value) -> str | None:
    """Return small inputs for which a difference is not 0, or None."""
    names = sorted(inputs(off))
    if len(names) > MOST_INPUTS:
        return None
    for numbers in itertools.product(TRIALS, repeat=len(names)):
        values = dict(zip(names, numbers, strict=True))
        try:
            result = evaluate(off, values)
        except (ArithmeticError, ValueError):
            continue
        if result is None:
            return None
        if abs(result) > 1e-3:
            return ", ".join(f"{name} = {number:g}" for name, number in values.items()) or "any"
    return None


def _step(step: Instruction, held: dict[str, Value], number: int) -> None:
    """Update what the registers hold."""
    match step:
        case Add() if not step.target.index:
            name = step.target.name
            held[name] = add(held[name], of_expr(step.value, held), step.sign)
        case Negate() if not step.target.index:
            name = step.target.name
            held[name] = add(ZERO, held[name], -1)
        case Alloc():
            held[step.name] = of_expr(step.value, held)
        case Let():
            held[step.name] = of_expr(step.value, held)
        case Free():
            del held[step.name]
        case Swap():
            held[step.left], held[step.right] = held[step.right], held[step.left]
        case Split():
            _split(step, held)
        case Join():
            _join(step, held)
        case Permute() | Reshape() | Squeeze():
            held[step.target] = _reorder(step, held[step.target])
        case BlockCall():
            _call(step, held)
        case _:
            _other(step, held, number)


def _split(step: Split, held: dict[str, Value]) -> None:
    whole = held.pop(step.source)
    move = ("join", step.axis, len(step.parts))
    parts = _undone(whole, move)
    for k, name in enumerate(step.parts):
        cut = atom(("part", whole, move, k)) if whole else ZERO
        held[name] = parts[k] if parts is not None else cut


def _undone(whole: Value, move: Hashable) -> tuple[Value, ...] | None:
    """Return the values that `move` made `whole` of, when it did."""
    match [*whole]:
        case [(("moved", tuple(values), made), 1)] if made == move:
            return values
    return None


def _join(step: Join, held: dict[str, Value]) -> None:
    values = tuple(held.pop(name) for name in step.parts)
    move = ("join", step.axis, len(step.parts))
    wholes = {_cut_from(value, move, k) for k, value in enumerate(values)}
    whole = wholes.pop() if len(wholes) == 1 else None
    if whole is None:
        whole = atom(("moved", values, move)) if any(values) else ZERO
    held[step.target] = whole


def _cut_from(value: Value, move: Hashable, k: int) -> Value | None:
    """Return the value whose k-th part `value` is."""
    match [*value]:
        case [(("part", frozenset() as whole, made, int(at)), 1)] if made == move and at == k:
            return whole
    return None


def _reorder(step: Permute | Reshape | Squeeze, value: Value) -> Value:
    there, back = _move(step), _move(step.inverse())
    undone = _undone(value, back)
    if undone is not None:
        return undone[0]
    return atom(("moved", (value,), there)) if value else value


def _move(step: Permute | Reshape | Squeeze) -> Hashable:
    match step:
        case Permute():
            return "permute", step.order
        case Reshape():
            return "reshape", step.before, step.after
        case Squeeze():
            return "squeeze", step.factor, step.undo


def _call(step: BlockCall, held: dict[str, Value]) -> None:
    """Results of a call; a call that undoes another gives back what that one was given."""
    values = tuple(held.pop(name) for name in step.args)
    givens = tuple((held.get(p.name, atom(("in", p.name))), str(p.index)) for p in step.givens)
    key = id(step.block), step.nets, givens
    wanted = (*key, not step.undo)
    sources = {_called_on(value, wanted, k) for k, value in enumerate(values)}
    source = sources.pop() if len(sources) == 1 else None
    for k, name in enumerate(step.results):
        made = atom(("call", (*key, step.undo), values, k))
        held[name] = source[k] if source is not None else made


def _called_on(value: Value, key: Hashable, k: int) -> tuple[Value, ...] | None:
    match [*value]:
        case [(("call", made, tuple(values), int(at)), 1)] if made == key and at == k:
            return values
    return None


def _other(step: Instruction, held: dict[str, Value], number: int) -> None:
    """Any other statement: what it touches holds something new."""
    for k, place in enumerate(step.targets()):
        held[place.name] = atom(("after", number, k))
