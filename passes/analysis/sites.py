"""The metered statements of a program as a run reaches them: what each moves, and how often."""

from collections.abc import Iterator
from dataclasses import dataclass

from revc.ir.dims import Dim
from revc.ir.instructions import Instruction, Scale, Valve
from revc.ir.instructions.base import Env
from revc.ir.instructions.metered import Coded, Metered
from revc.ir.program import Block
from revc.ir.types import Numerics, Shape
from revc.passes.analysis.shapes import indexed

ONE = Dim.of(1)


@dataclass(frozen=True, slots=True)
class MeterSite:
    """A metered statement at one place of a program.

    `shape` is that of what it moves, `turns` how often a run reaches it, `per_step` how often a
    turn of the innermost named loop does (None outside of one). `undone` says that it runs
    backwards, so that what it writes comes back and what it draws is given back.
    """

    step: Metered
    numerics: Numerics
    shape: Shape
    turns: Dim = ONE
    per_step: Dim | None = None
    undone: bool = False

    @property
    def meter(self) -> str:
        """The name that its bits are booked under."""
        return self.step.account


def metered(block: Block) -> tuple[MeterSite, ...]:
    """Return the metered statements that a run of `block` reaches, in the order of the run."""
    return tuple(_sites(block, ONE, None, False))


def _sites(block: Block, turns: Dim, per_step: Dim | None, undone: bool) -> Iterator[MeterSite]:
    env: Env = {register.name: register.type for register in block.takes}
    for step in block.body:
        for inner in step.inner():
            each = _per_step(step, per_step)
            yield from _sites(inner, turns * step.times(), each, undone != step.backwards())
        if isinstance(step, Metered):
            numerics, shape = _moved(step, env)
            yield MeterSite(step, numerics, shape, turns, per_step, undone != step.undo)
        step.step(env)


def _per_step(step: Instruction, outer: Dim | None) -> Dim | None:
    """Return how often what is in a statement runs, a turn of the innermost named loop."""
    if step.turn() is not None:
        return ONE
    return None if outer is None else outer * step.times()


def _moved(step: Metered, env: Env) -> tuple[Numerics, Shape]:
    if isinstance(step, Coded):
        return step.type.numerics, step.type.shape
    assert isinstance(step, Valve | Scale)
    kind = env[step.target.name]
    return kind.numerics, indexed(kind.shape, step.target.index)
