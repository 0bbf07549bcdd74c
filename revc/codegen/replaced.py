"""Blocks in which built-in nets run as modules: graphs must call what was replaced or hooked."""

from revc.errors import BindError
from revc.ir.instructions import Mix
from revc.ir.nets import Builtin, NetSlot, Replaced
from revc.ir.program import Block

Slots = frozenset[int]


def spread(block: Block, chosen: Slots) -> Slots:
    """Return the slots that go with `chosen`: all turns of an inner loop share their code."""
    while True:
        more = chosen
        for step in block.body:
            for inner in step.inner():
                below = spread(inner, _below(step.rows(), more))
                more = more | {row[slot] for row in step.rows() for slot in below}
        if more == chosen:
            return chosen
        chosen = more


def replaced(block: Block, chosen: Slots) -> Block:
    """Return the block with the nets of slots `chosen` called as modules, each run whole.

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
    body = tuple(
        step.with_inner(tuple(replaced(b, _below(step.rows(), chosen)) for b in step.inner()))
        for step in block.body
    )
    return block.replace(nets=nets, body=body)


def _slot(slot: NetSlot) -> NetSlot:
    if not isinstance(slot.source, Builtin):  # brought: it is to run whole
        return slot.replace(source=slot.source.replace(separable=()))
    return slot.replace(source=Replaced(builtin=slot.source))


def _below(rows: tuple[tuple[int, ...], ...], chosen: Slots) -> Slots:
    return frozenset(i for row in rows for i, slot in enumerate(row) if slot in chosen)
