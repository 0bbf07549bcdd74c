"""Sizes that a program must know before the first input comes."""

from collections.abc import Iterator
from dataclasses import dataclass

from revc.grammar.diagnostics import SpecError
from revc.grammar.signatures import builtin_signatures
from revc.grammar.span import Span
from revc.ir.dims import Dim
from revc.ir.instructions import Repeat
from revc.ir.nets import Builtin, NetSlot, TorchClass
from revc.ir.program import Block, Program
from revc.passes.elaborate.linking import names_in
from revc.passes.report import Findings
from revc.passes.rules.s008_dim_needed import dim_needed

_UNTOLD = "is told by no input's shape"


def free_dims(model: Block) -> tuple[str, ...]:
    """Return the names that the shapes of a model's inputs tell, in their order."""
    found: dict[str, None] = {}
    for register in (*model.takes, *model.givens):
        for dim in register.type.shape:
            if len(dim.names) == 1:
                found.update(dict.fromkeys(dim.names))
    return tuple(found)


@dataclass(frozen=True)
class Sized:
    """Refuse a program (S008) with a free dim that a parameter, a loop or a register needs."""

    name: str = "sized"

    def run(self, program: Program) -> Program:
        """Return the program as it is.

        Raises:
            SpecError: a dim has to be bound.
        """
        findings = Findings()
        for slot in program.model.nets:
            for dim in _sizing(slot):
                for name in sorted(dim.names):
                    findings.add(dim_needed(name, "sizes a parameter", slot.span))
        for name, what, span in _needed(program.model):
            if what != _UNTOLD or name not in program.free:
                findings.add(dim_needed(name, what, span))
        if findings.denied:
            raise SpecError(findings.all)
        return program


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


def _needed(model: Block) -> Iterator[tuple[str, str, Span]]:
    """Yield the names that the instructions of a model, at any depth, use, and what for."""
    for block in model.walk():
        for step in block.body:
            bound = {*block.turns}
            if isinstance(step, Repeat):
                if not step.share:
                    for name in sorted(step.count.names - bound):
                        yield name, "counts the turns of an unshared repeat", step.span
                bound.add(step.index or "")
            for name in sorted(names_in(step) - bound):
                yield name, _UNTOLD, step.span
