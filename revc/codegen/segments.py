"""A model's body cut into segments: the unit that a run executes, checks and takes back.

A segment is a turn of a `repeat`, a call of a block, or a stretch of statements between. Values of
`let` do not cross from one segment into another: what one lives across is a single segment.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from revc.ir.dims import Dim
from revc.ir.instructions import BlockCall, Emit, Env, Instruction, Let, Repeat
from revc.ir.live_types import typed
from revc.ir.memo import per_node
from revc.ir.nets import Builtin, NetSlot
from revc.ir.program import Block, Register

Typed = tuple[Instruction, Env, Env]


@dataclass(frozen=True)
class Cut:
    """A segment of a program.

    `block` is what its graphs are lowered from; the run's registers `takes` are what it takes, in
    order, `gives` what it gives, `givens` what it reads besides. `rows[t]` are the model's slots
    for the block's own in turn t, one row for all where they are shared. `count` is the number of
    turns, None for a segment that is no loop. `steps` are the statements as the model has them.
    `prefix` goes before the names of what the block emits.
    """

    name: str
    wish: str
    block: Block
    takes: tuple[str, ...]
    gives: tuple[str, ...]
    givens: tuple[str, ...]
    rows: tuple[tuple[int, ...], ...]
    steps: tuple[Instruction, ...]
    count: Dim | None = None
    index: str | None = None
    backwards: bool = False
    prefix: str = ""


def segments_of(model: Block) -> list[Cut]:
    """Cut a model's body; the segments in program order."""
    return [_cut(model, part) for part in _parts(typed(model))]


def _parts(steps: Sequence[Typed]) -> Iterator[list[Typed]]:
    """Yield the statements of each segment."""
    held = _held(steps)
    part: list[Typed] = []
    for position, one in enumerate(steps):
        alone = position not in held and position + 1 not in held and _stands_alone(one[0])
        if part and position not in held and (alone or _stands_alone(part[-1][0], part)):
            yield part
            part = []
        part.append(one)
    if part:
        yield part


def _stands_alone(step: Instruction, part: Sequence[Typed] = ()) -> bool:
    """Say whether a statement is a segment of its own; `part` is what it would end."""
    if len(part) > 1:
        return False
    return isinstance(step, Repeat) or (isinstance(step, BlockCall) and bool(step.nets))


def _held(steps: Sequence[Typed]) -> set[int]:
    """Return the positions in front of which some let is alive."""
    defined: dict[str, int] = {}
    held: set[int] = set()
    for position, (step, _, _) in enumerate(steps):
        for name in step.names_read():
            if name in defined:
                held.update(range(defined[name] + 1, position + 1))
        if isinstance(step, Let):
            defined[step.name] = position
    return held


# --- the block of a segment ----------------------------------------------------------------------


def _cut(model: Block, part: Sequence[Typed]) -> Cut:
    step = part[0][0]
    if len(part) == 1 and isinstance(step, Repeat):
        return Cut(
            step.label, step.label, step.body, step.registers, step.registers, step.givens,
            step.nets or ((),), (step,), step.count, step.index, step.reversed,
        )  # fmt: skip
    if len(part) == 1 and isinstance(step, BlockCall) and step.nets:
        return _call(model, step, part)
    line = step.span.line
    return _stretch(model, f"line {line}", f"line_{line}", part)


def _call(model: Block, step: BlockCall, part: Sequence[Typed]) -> Cut:
    """Cut a call: its callee is the block, unless it is given slices, which the run cannot pass."""
    if any(place.index for place in step.givens):
        return _stretch(model, step.label, step.block.name, part)
    block = step.block.inverse() if step.undo else step.block
    names = tuple(place.name for place in step.givens)
    return Cut(
        step.label, block.name, block, step.args, step.results, names, (step.nets,), (step,),
        prefix=step.prefix,
    )  # fmt: skip


def _stretch(model: Block, name: str, wish: str, part: Sequence[Typed]) -> Cut:
    """Make the block of a stretch of statements."""
    steps = tuple(step for step, _, _ in part)
    before, after = part[0][1], part[-1][2]
    touched = {place.name for step in steps for place in step.targets()}
    takes = [n for n in before if n in touched]
    gives = [n for n in after if n in touched]
    known = {r.name: r.type for r in model.givens} | before
    read = dict.fromkeys(n for step in steps for n in step.names_read())
    givens = [n for n in read if n in known and n not in takes]
    nets, used = _slots(model.nets, steps)
    span = steps[0].span
    register = lambda n, env: Register(span=span, name=n, type=env[n])  # noqa: E731
    block = Block(
        span=span,
        name=wish,
        takes=tuple(register(n, before) for n in takes),
        gives=tuple(register(n, after) for n in gives),
        givens=tuple(register(n, known) for n in givens),
        turns=(),
        nets=nets,
        body=tuple(step.renumbered(used) for step in steps),
    )
    own = tuple(used)
    return Cut(name, wish, block, tuple(takes), tuple(gives), tuple(givens), (own,), steps)


def _slots(
    nets: Sequence[NetSlot], steps: Iterable[Instruction]
) -> tuple[tuple[NetSlot, ...], dict[int, int]]:
    """Return the slots that statements use, and where each of the model's is among them."""
    used: dict[int, int] = {}
    for step in steps:
        for slot in step.slots():
            for one in (slot, _tied(nets[slot])):
                if one is not None:
                    used.setdefault(one, len(used))
    return tuple(_retied(nets[slot], used) for slot in used), used


def _tied(slot: NetSlot) -> int | None:
    return slot.source.tied if isinstance(slot.source, Builtin) else None


def _retied(slot: NetSlot, used: dict[int, int]) -> NetSlot:
    tied = _tied(slot)
    if tied is None:
        return slot
    source = slot.source.replace(tied=used[tied])
    return slot.replace(source=source)


# --- without emits -------------------------------------------------------------------------------


@per_node
def without_emits(block: Block) -> Block:
    """Return the block without its emits, callees included: an inverse hands out nothing."""
    kept = block.map_inner(without_emits)
    body = tuple(step for step in kept.body if not isinstance(step, Emit))
    return kept if len(body) == len(kept.body) else kept.replace(body=body)


# --- what changes --------------------------------------------------------------------------------


@per_node
def changed(block: Block) -> frozenset[str]:
    """Return the registers that a block takes and does not give, under their names, as they are."""
    found = {register.name for register in block.takes} - {r.name for r in block.gives}
    for step in block.body:
        if isinstance(step, BlockCall):
            found |= _changed_by(step)
        elif isinstance(step, Repeat):
            found |= changed(step.body)
        else:
            found |= {place.name for place in step.targets()}
    return frozenset(found)


def _changed_by(step: BlockCall) -> set[str]:
    """Return the registers that a call does not give as they are, by the caller's names."""
    first, last = step.block.takes, step.block.gives
    first, last = (last, first) if step.undo else (first, last)
    gives = dict(zip((r.name for r in last), step.results, strict=True))
    inner = changed(step.block) | {r.name for r in first} - {r.name for r in last}
    return {
        arg
        for arg, register in zip(step.args, first, strict=True)
        if register.name in inner or gives[register.name] != arg
    }
