"""The verifier: what every program must satisfy, between all passes.

A spec that breaks these rules has been refused before; so a breach is a bug of ours.
"""

from collections.abc import Mapping

from revc.errors import InternalError
from revc.ir.expr import Elementwise, Expr, NetCall, Place, Read, walk
from revc.ir.instructions import BlockCall, Env, Instruction, Let, Repeat
from revc.ir.memo import per_node
from revc.ir.net_kinds import kind_of
from revc.ir.nets import Builtin
from revc.ir.program import Block, Program, Register
from revc.ir.types import Float, RegType
from revc.passes.analysis.shapes import broadcast, indexed


def verify(program: Program) -> None:
    """Check every block of a program.

    Raises:
        InternalError: a register, slot, map or shape does not fit.
    """
    for block in program.model.walk():
        verify_block(block)


@per_node
def verify_block(block: Block) -> None:
    """Check one block by itself, once for all.

    Raises:
        InternalError: a register, slot, map or shape does not fit.
    """
    _distinct(block, [r.name for r in (*block.takes, *block.givens)], "register")
    _distinct(block, [slot.name for slot in block.nets], "slot")
    _ties(block)
    env: Env = {register.name: register.type for register in block.takes}
    reads = {register.name: register.type for register in block.givens}
    for step in block.body:
        _step(block, step, env, reads)
    gives = {register.name: register.type for register in block.gives}
    if not (env == gives):
        raise _breach(block, f"ends with {_names(env)}, gives {_names(gives)}")


def _names(env: Mapping[str, RegType]) -> str:
    return ", ".join(f"{name}: {kind}" for name, kind in env.items())


def _step(block: Block, step: Instruction, env: Env, reads: dict[str, RegType]) -> None:
    for value in step.values():
        for node in walk(value):
            _expression(block, node, {**env, **reads})
    for place in step.targets():
        if place.index:
            _place(block, place, env)
    if isinstance(step, BlockCall):
        _call(block, step, {**env, **reads})
    if isinstance(step, Repeat):
        _repeat(block, step, {**env, **reads})
    step.step(env)
    if isinstance(step, Let):
        reads[step.name] = RegType(numerics=Float(), shape=step.value.shape)


def _expression(block: Block, node: Expr, known: Mapping[str, RegType]) -> None:
    if isinstance(node, Read):
        kind = _place(block, node.place, known)
        if not (node.shape == indexed(kind.shape, node.place.index)):
            raise _breach(block, f"shape of {node!r}")
    elif isinstance(node, NetCall):
        if not (0 <= node.slot < len(block.nets)):
            raise _breach(block, f"no slot {node.slot}")
        wanted = len(block.nets[node.slot].inputs)
        if not (len(node.args) == wanted):
            raise _breach(block, f"{block.nets[node.slot].name} reads {wanted}")
    elif isinstance(node, Elementwise):
        shape = node.args[0].shape
        for arg in node.args[1:]:
            both = broadcast(shape, arg.shape)
            if not (both is not None):
                raise _breach(block, f"shapes in {node!r}")
            shape = both if both is not None else shape
        if not (node.shape == shape):
            raise _breach(block, f"shape of {node!r}")


def _place(block: Block, place: Place, known: Mapping[str, RegType]) -> RegType:
    if place.name not in known:
        raise _breach(block, f"{place.name} is not live; live: {sorted(known)}")
    kind = known[place.name]
    fits = not place.index or len(place.index) == len(kind.shape)
    if not (fits):
        raise _breach(block, f"{place.name} is indexed with {len(place.index)} entries")
    return kind


def _call(block: Block, step: BlockCall, known: Mapping[str, RegType]) -> None:
    callee = step.block
    _slots(block, callee, step.nets)
    if not (len(step.givens) == len(callee.givens)):
        raise _breach(block, f"givens of {step.label}")
    for place, given in zip(step.givens, callee.givens, strict=True):
        kind = _place(block, place, known)
        have = RegType(numerics=kind.numerics, shape=indexed(kind.shape, place.index))
        if not (have == given.type):
            raise _breach(block, f"{given.name} of {step.label} is {have}")


def _repeat(block: Block, step: Repeat, known: Mapping[str, RegType]) -> None:
    body = step.body
    if not (_types(body.takes) == _types(body.gives)):
        raise _breach(block, f"{step.label} changes types")
    count = 1 if step.share else step.count.integer
    if not (count is None or len(step.nets) == count):
        raise _breach(block, f"rows of {step.label}")
    for row in step.nets:
        _slots(block, body, row)
    for name, given in zip(step.givens, body.givens, strict=True):
        if not (known.get(name) == given.type):
            raise _breach(block, f"{name} of {step.label}")


def _types(registers: tuple[Register, ...]) -> dict[str, RegType]:
    return {register.name: register.type for register in registers}


def _slots(block: Block, inner: Block, nets: tuple[int, ...]) -> None:
    """Check that a row of slots fits the inner block: the same nets, tied to the same."""
    if not (len(nets) == len(inner.nets)):
        raise _breach(block, f"{inner.name} has {len(inner.nets)} slots")
    for slot, at in zip(inner.nets, nets, strict=True):
        if not (0 <= at < len(block.nets)):
            raise _breach(block, f"no slot {at}")
        have, want = block.nets[at].source, slot.source
        if isinstance(want, Builtin) and want.tied is not None:
            want = want.replace(tied=nets[want.tied])
        if not (have == want):
            raise _breach(block, f"{block.nets[at].name} is {have}, not {want}")


def _ties(block: Block) -> None:
    for slot in block.nets:
        if isinstance(slot.source, Builtin) and slot.source.tied is not None:
            tied = block.nets[slot.source.tied].source
            kind = kind_of(tied)
            if kind is None or not kind.lends:
                raise _breach(block, f"{slot.name} is tied to {tied}")


def _distinct(block: Block, names: list[str], what: str) -> None:
    twice = {name for name in names if names.count(name) > 1} if len(names) < 64 else None
    if twice is None:
        twice = set() if len(set(names)) == len(names) else {"(many)"}
    if twice:
        raise _breach(block, f"{what} named twice: {sorted(twice)}")


def _breach(block: Block, what: str) -> InternalError:
    at = block.span
    return InternalError(f"{at.file}:{at.line}: block {block.name}: {what}")
