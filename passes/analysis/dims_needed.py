"""Sizes that a program must know before the first input comes."""

from collections.abc import Iterator
from dataclasses import dataclass

from revc.grammar.signatures import builtin_signatures
from revc.grammar.span import Span
from revc.ir.dims import Dim
from revc.ir.instructions import Alloc, Repeat
from revc.ir.instructions.metered import Coded
from revc.ir.nets import Builtin, NetSlot, TorchClass
from revc.ir.program import Block, Program
from revc.ir.types import Label
from revc.passes.analysis.named_dims import names_in

_UNTOLD = "is told by no input's shape"


def free_dims(model: Block) -> tuple[str, ...]:
    """Return the names that the shapes of a model's inputs tell, in their order."""
    found: dict[str, None] = {}
    for register in (*model.takes, *model.givens):
        for dim in register.type.shape:
            if len(dim.names) == 1:
                found.update(dict.fromkeys(dim.names))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Needed:
    """A dim that has no value, what needs it (sizes a parameter), and where."""

    name: str
    why: str
    span: Span


def needed(program: Program) -> Iterator[Needed]:
    """Yield the free dims that a parameter, a loop or a register of a program needs."""
    for slot in program.model.nets:
        for dim in _sizing(slot):
            for name in sorted(dim.names):
                yield Needed(name, "sizes a parameter", slot.span)
    yield from _labels(program.model)
    for one in _needed(program.model):
        if one.why != _UNTOLD or one.name not in program.free:
            yield one


def _sizing(slot: NetSlot) -> Iterator[Dim]:
    """Yield the dims that size a slot's parameters."""
    if isinstance(slot.source, TorchClass):
        settings = [*slot.source.args, *slot.source.kwargs.values()]
    elif isinstance(slot.source, Builtin):
        settings = list(slot.source.settings.values())
        signature = builtin_signatures()[slot.source.name]
        for position, kind in enumerate(slot.inputs):
            pattern = signature.inputs[min(position, len(signature.inputs) - 1)].shape
            if "n" in pattern:
                yield kind.shape[pattern.index("n") - len(pattern)]
    else:
        return
    for setting in settings:
        for dim in setting if isinstance(setting, tuple) else (setting,):
            if isinstance(dim, Dim):
                yield dim


def _labels(model: Block) -> Iterator[Needed]:
    """Yield the dims that labels are below: no label tells how many there are."""
    for block in model.walk():
        made = (step for step in block.body if isinstance(step, Alloc | Coded))
        kinds = [(r.type.numerics, r.span) for r in (*block.takes, *block.givens)]
        for kind, span in [*kinds, *((step.type.numerics, step.span) for step in made)]:
            for name in sorted(kind.size.names) if isinstance(kind, Label) else ():
                yield Needed(name, "is the number of labels", span)


def _needed(model: Block) -> Iterator[Needed]:
    """Yield the dims that the instructions of a model, at any depth, name."""
    for block in model.walk():
        for step in block.body:
            bound = {*block.turns}
            if isinstance(step, Repeat):
                if not step.share:
                    for name in sorted(step.count.names - bound):
                        yield Needed(name, "counts the turns of an unshared repeat", step.span)
                bound.add(step.index or "")
            for name in sorted(names_in(step) - bound):
                yield Needed(name, _UNTOLD, step.span)
