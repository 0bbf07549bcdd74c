"""A program as data in which slots are named instead of numbered, for comparing programs."""

from typing import Any

from revc.grammar.record import Record, plain
from revc.ir.expr import Elementwise, NetCall
from revc.ir.instructions import BlockCall, Repeat
from revc.ir.nets import Builtin
from revc.ir.program import Block, Program


def canonical(program: Program) -> Any:
    """Return what a program says, whatever the order in which its slots are listed.

    Inverting twice puts every `let` in front of its first use.
    """
    budgets = [(b.meter, b.targets, b.bound, b.units) for b in program.budgets]
    model = program.model.inverse().inverse()
    return block(model), program.dims, program.free, budgets


def block(one: Block) -> Any:
    names = [slot.name for slot in one.nets]
    return {
        "takes": [(r.name, str(r.type)) for r in one.takes],
        "gives": [(r.name, str(r.type)) for r in one.gives],
        "givens": sorted((r.name, str(r.type)) for r in one.givens),
        "turns": one.turns,
        "nets": sorted(_slot(one, k) for k in range(len(names))),
        "body": [_step(step, names) for step in one.body],
    }


def _slot(one: Block, k: int) -> tuple[str, ...]:
    slot = one.nets[k]
    source = slot.source
    tied = ""
    if isinstance(source, Builtin) and source.tied is not None:
        tied = one.nets[source.tied].name
        source = source.replace(tied=None)
    return slot.name, str(plain(source)), tied, str(slot.inputs), str(slot.output)


def _step(step: Any, names: list[str]) -> Any:
    if isinstance(step, BlockCall):
        inner = [slot.name for slot in step.block.nets]
        links = sorted(zip(inner, (names[n] for n in step.nets), strict=True))
        head = step.label, step.undo, step.args, step.results, links
        return "call", *head, [_value(p, names) for p in step.givens], block(step.block)
    if isinstance(step, Repeat):
        inner = [slot.name for slot in step.body.nets]
        rows = [sorted(zip(inner, (names[n] for n in row), strict=True)) for row in step.nets]
        head = step.label, str(step.count), step.index, step.reversed, step.share
        return "repeat", *head, step.registers, sorted(step.givens), rows, block(step.body)
    fields = {k: getattr(step, k) for k in step.contents}
    return type(step).__name__, [(k, _value(v, names)) for k, v in fields.items()]


def _value(value: Any, names: list[str]) -> Any:
    if isinstance(value, NetCall):
        return names[value.slot], [_value(arg, names) for arg in value.args], str(value.shape)
    if isinstance(value, Elementwise):
        return value.function, [_value(arg, names) for arg in value.args]
    if isinstance(value, Record):
        return [(k, _value(getattr(value, k), names)) for k in value.contents]
    if isinstance(value, tuple):
        return [_value(item, names) for item in value]
    return str(value)
