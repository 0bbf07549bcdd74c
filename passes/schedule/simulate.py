"""What a plan means: its steps, and what is on the device at each.

Tensors are put and dropped by name, so that each is counted once; nothing here knows the closed
forms that the solvers use. Tensors: ``x`` a segment's output, ``g`` its gradient, ``r`` its
residuals, ``t`` its tape.
"""

from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property
from math import fsum
from typing import Literal

from revc.errors import InternalError
from revc.passes.schedule.chain import Chain
from revc.passes.schedule.plan import Action, Plan, Unit

Kind = Literal["forward", "loss", "re-run", "backward"]


@dataclass(frozen=True, slots=True)
class Step:
    """One step, the segment that it runs (from 1), and the bytes on the device meanwhile."""

    kind: Kind
    segment: int
    live: int


@dataclass(frozen=True)
class Trace:
    """All steps of a plan, in order, and what it takes longer than saving everything."""

    steps: tuple[Step, ...]
    extra_time: float

    @cached_property
    def highest(self) -> Step:
        """The first step at which the most bytes are on the device."""
        return max(self.steps, key=lambda step: step.live)

    @property
    def peak(self) -> int:
        """The most bytes on the device at any step."""
        return self.highest.live


def simulate(chain: Chain, plan: Plan) -> Trace:
    """Return what happens when a plan runs, as docs/schedule.md says.

    Raises:
        PlanError: the plan is not legal for the chain.
    """
    plan.check(chain)
    run = _Run(chain, plan)
    for number in range(1, len(chain.segments) + 1):
        run.forward(number)
    run.loss()
    for unit in reversed(run.units):
        run.back(unit)
    return Trace(tuple(run.steps), fsum(run.extra))


class _Run:
    """A device, what is on it, and the steps so far."""

    def __init__(self, chain: Chain, plan: Plan) -> None:
        self.chain, self.actions, self.units = chain, plan.actions, list(plan.units())
        self.size = _sizes(chain)
        self.reads = {j: [j - 1] for j in range(1, len(chain.segments) + 1)}
        for i, j in chain.skips:
            self.reads[j].append(i)
        self.last_reader = {i: j for j in self.reads for i in self.reads[j]}
        self.outlives = plan.outliving(chain)
        self.live: dict[tuple[str, int], int] = {}
        self.total = 0
        self.steps: list[Step] = []
        self.extra: list[float] = []
        self.put("x", 0)

    def stays(self, i: int) -> bool:
        """Say whether x_i is kept from its last reader on until backward i+1 has finished."""
        kept = self.actions[i] in (Action.SAVE, Action.CHECKPOINT)
        return kept or i in self.outlives

    def put(self, kind: str, number: int) -> None:
        size = self.size[kind][number]
        self.total += size - self.live.get((kind, number), 0)
        self.live[kind, number] = size

    def drop(self, kind: str, number: int) -> None:
        self.total -= self.live.pop((kind, number), 0)

    def needs(self, *tensors: tuple[str, int]) -> None:
        for tensor in tensors:
            if tensor not in self.live:
                raise InternalError(f"the simulator lost {tensor[0]}_{tensor[1]}")

    def note(self, kind: Kind, number: int) -> None:
        """Record a step, with the workspace of its segment unless it is the loss."""
        space = 0 if kind == "loss" else self.chain.segments[number - 1].peak_bytes
        self.steps.append(Step(kind, number, self.total + space))

    def forward(self, j: int) -> None:
        action = self.actions[j - 1]
        self.needs(*(("x", i) for i in self.reads[j]))
        self.put("x", j)
        if action in (Action.SAVE, Action.OFFLOAD):
            self.put("r", j)
        if action is Action.INVERT:
            self.put("t", j)
        self.note("forward", j)
        if action is Action.OFFLOAD:
            self.drop("r", j)
        for i in self.reads[j]:
            if self.last_reader[i] <= j and not self.stays(i):
                self.drop("x", i)

    def loss(self) -> None:
        last = len(self.actions)
        self.needs(("x", last))
        self.put("g", last)
        self.note("loss", last)
        if self.actions[-1] is not Action.INVERT:
            self.drop("x", last)

    def back(self, unit: Unit) -> None:
        if unit.action is Action.CHECKPOINT:
            self.rerun(unit)
        else:
            self.fetch(unit.first)
        for j in range(unit.last, unit.first - 1, -1):
            self.backward(j)

    def rerun(self, unit: Unit) -> None:
        """Run a group's forward passes again, storing inputs and residuals."""
        for j in range(unit.first, unit.last + 1):
            self.needs(*(("x", i) for i in self.reads[j]), ("g", unit.last))
            self.put("x", j)
            self.put("r", j)
            self.note("re-run", j)
            self.extra.append(self.chain.segments[j - 1].t_fwd)
        self.drop("x", unit.last)

    def fetch(self, j: int) -> None:
        """Get the input and the residuals of a segment that is a unit by itself."""
        action, segment = self.actions[j - 1], self.chain.segments[j - 1]
        if action is Action.INVERT:
            self.needs(("x", j), ("t", j))
            self.extra.append(segment.t_inv or 0.0)
        elif action is Action.OFFLOAD and self.chain.offload_bandwidth is not None:
            moved = segment.resid_bytes + (
                0 if ("x", j - 1) in self.live else self.size["x"][j - 1]
            )
            self.extra.append(2 * moved / self.chain.offload_bandwidth)
        if action is not Action.SAVE:
            self.put("x", j - 1)
            self.put("r", j)

    def backward(self, j: int) -> None:
        self.needs(("r", j), ("g", j), *(("x", i) for i in self.reads[j]))
        for i in self.reads[j]:
            self.put("g", i)
        self.note("backward", j)
        for kind in ("r", "t", "g", "x"):
            self.drop(kind, j)
        if j == 1 or self.actions[j - 2] is not Action.INVERT:
            self.drop("x", j - 1)


def _sizes(chain: Chain) -> dict[str, dict[int, int]]:
    sizes: dict[str, dict[int, int]] = defaultdict(dict)
    sizes["x"] = sizes["g"] = dict(enumerate(chain.sizes))
    for number, one in enumerate(chain.segments, 1):
        sizes["r"][number], sizes["t"][number] = one.resid_bytes, one.tape_bytes
    return sizes
