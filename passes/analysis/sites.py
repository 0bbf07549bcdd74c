"""The metered statements of a program as a run reaches them: what each moves, and how often.

A block's sites are found once, as the block sees them, and counted for each call and loop around
it; those that are alike are one site with a number. So blocks that call two blocks cost what their
text does, however often a run comes to what they call.
"""

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, replace

from revc.ir.dims import Dim
from revc.ir.instructions import Instruction, Scale, Valve
from revc.ir.instructions.base import Env
from revc.ir.instructions.metered import Coded, Metered
from revc.ir.memo import per_node
from revc.ir.program import Block
from revc.ir.types import Numerics, Shape
from revc.passes.analysis.shapes import indexed

ONE = Dim.of(1)
MOST_SITES = 1000  # of a block that are told apart; beyond, a statement's turns are added up


@dataclass(frozen=True, slots=True)
class MeterSite:
    """A metered statement at one place of a program, or at `times` places that are alike.

    `shape` is that of what it moves, `turns` how often a run reaches it there, `per_step` how often
    a turn of the innermost named loop does (None outside of one). `undone` says that it runs
    backwards, so that what it writes comes back and what it draws is given back.
    """

    step: Metered
    numerics: Numerics
    shape: Shape
    turns: Dim = ONE
    per_step: Dim | None = None
    undone: bool = False
    times: int = 1

    @property
    def meter(self) -> str:
        """The name that its bits are booked under."""
        return self.step.account


@per_node
def metered(block: Block) -> tuple[MeterSite, ...]:
    """Return the metered statements that a run of `block` reaches, alike ones once.

    Raises:
        DimError: loops in loops turn too often to be counted.
    """
    return tuple(seen.site for seen in _seen(block))


@dataclass(frozen=True, slots=True)
class _Seen:
    """A site as its block sees it; `within` is how often one turn of the block reaches it."""

    site: MeterSite
    within: Dim = ONE

    def run_by(self, step: Instruction) -> "_Seen":
        """Return the site as the block around sees it, in which a statement runs this one."""
        turns, per_step = self.site.turns * step.times(), self.site.per_step
        if per_step is None and step.turn() is not None:
            per_step = self.within
        undone = self.site.undone != step.backwards()
        site = replace(self.site, turns=turns, per_step=per_step, undone=undone)
        return _Seen(site, self.within * step.times())

    def plus(self, other: "_Seen") -> "_Seen":
        """Return one site for two of one statement that need not be alike."""
        one, two = self.summed(), other.summed()
        per_step = one.site.per_step
        if per_step is not None and two.site.per_step is not None:
            per_step = per_step + two.site.per_step
        site = replace(one.site, turns=one.site.turns + two.site.turns, per_step=per_step)
        return _Seen(site, one.within + two.within)

    def summed(self) -> "_Seen":
        """Return the site as if it stood at one place."""
        times, per_step = self.site.times, self.site.per_step
        per_step = None if per_step is None else per_step * times
        site = replace(self.site, turns=self.site.turns * times, per_step=per_step, times=1)
        return _Seen(site, self.within * times)

    def again(self, other: "_Seen") -> "_Seen":
        """Return one site for two that are alike."""
        return replace(self, site=replace(self.site, times=self.site.times + other.site.times))

    @property
    def alike(self) -> Hashable:
        """What sites that are alike have in common."""
        return (*self.roughly, self.site.turns, self.site.per_step, self.within)

    @property
    def roughly(self) -> tuple[Hashable, ...]:
        """What the sites of one statement have in common, whose turns may be added up."""
        return id(self.site.step), self.site.undone, self.site.per_step is None


@per_node
def _seen(block: Block) -> tuple[_Seen, ...]:
    found: list[_Seen] = []
    env: Env = {register.name: register.type for register in block.takes}
    for step in block.body:
        for inner in step.inner():
            found += (one.run_by(step) for one in _seen(inner))
        if isinstance(step, Metered):
            numerics, shape = _moved(step, env)
            found.append(_Seen(MeterSite(step, numerics, shape, undone=step.undo)))
        step.step(env)
    together = _merged(found, lambda one: one.alike, _Seen.again)
    if len(together) <= MOST_SITES:
        return together
    return _merged(together, lambda one: one.roughly, _Seen.plus)


def _merged(
    found: Iterable[_Seen],
    common: Callable[[_Seen], Hashable],
    join: Callable[[_Seen, _Seen], _Seen],
) -> tuple[_Seen, ...]:
    """Return one of all sites that have something in common, in the order of the first."""
    kept: dict[Hashable, _Seen] = {}
    for one in found:
        at = common(one)
        kept[at] = join(kept[at], one) if at in kept else one
    return tuple(kept.values())


def _moved(step: Metered, env: Env) -> tuple[Numerics, Shape]:
    if isinstance(step, Coded):
        return step.type.numerics, step.type.shape
    assert isinstance(step, Valve | Scale)
    kind = env[step.target.name]
    return kind.numerics, indexed(kind.shape, step.target.index)
