"""Blocks in which built-in nets run as modules: graphs must call what was replaced or hooked."""

from revc.errors import BindError
from revc.ir.instructions import BlockCall, Mix, Repeat
from revc.ir.nets import Builtin, NetSlot, Replaced
from revc.ir.program import Block

Slots = frozenset[int]


def spread(block: Block, chosen: Slots) -> Slots:
    """Return the slots that go with `chosen`: all turns of an inner loop share their code."""
    while True:
        more = chosen
        for inner, rows in _inner(block):
            below = spread(inner, _below(rows, more))
            more = more | {row[slot] for row in rows for slot in below}
        if more == chosen:
            return chosen
        chosen = more


def replaced(block: Block, chosen: Slots) -> Block:
    """Return the block with the nets of slots `chosen` called as modules.

    Raises:
        BindError: such a net lends its table to another, or is the matrix of a mix.
    """
    if not chosen:
        return block
    lent = {s.source.tied for s in block.nets if isinstance(s.source, Builtin)}
    mixed = {step.slot for step in block.body if isinstance(step, Mix)}
    for slot in sorted(chosen):
        if slot in lent or slot in mixed:
            use = "lends its table to another net" if slot in lent else "is the matrix of a mix"
            raise BindError(
                f"net {block.nets[slot].name} {use}: it cannot be replaced or hooked, only "
                "parametrised"
            )
    nets = tuple(_slot(s) if i in chosen else s for i, s in enumerate(block.nets))
    body = []
    for step in block.body:
        if isinstance(step, BlockCall):
            inner = replaced(step.block, _below((step.nets,), chosen))
            step = step.model_copy(update={"block": inner})
        elif isinstance(step, Repeat):
            inner = replaced(step.body, _below(step.nets, chosen))
            step = step.model_copy(update={"body": inner})
        body.append(step)
    return block.model_copy(update={"nets": nets, "body": tuple(body)})


def _slot(slot: NetSlot) -> NetSlot:
    if not isinstance(slot.source, Builtin):
        return slot
    return slot.model_copy(update={"source": Replaced.model_construct(builtin=slot.source)})


def _inner(block: Block) -> list[tuple[Block, tuple[tuple[int, ...], ...]]]:
    calls = [(s.block, (s.nets,)) for s in block.body if isinstance(s, BlockCall)]
    return calls + [(s.body, s.nets) for s in block.body if isinstance(s, Repeat)]


def _below(rows: tuple[tuple[int, ...], ...], chosen: Slots) -> Slots:
    return frozenset(i for row in rows for i, slot in enumerate(row) if slot in chosen)
