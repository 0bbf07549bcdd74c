"""Objectives: a task's loss, the bits that are written, and those that are lost.

    task + write * sum l + penalty * sum over budgets of max(0, sum Delta - allowed)**2

l are code lengths of what goes to the tape, in bits a sequence; Delta, what is lost, is in
expectation (1 - alpha) l for a valve throttled to alpha. Each budget on net counts its own meters:
what one leaves unspent does not pay for another. All are means over the sequences of the batch.
Residues that are dropped are a constant, and take no part. Dual ascent puts a multiplier in place
of each square: Boyd, Vandenberghe, "Convex Optimization" (2004), section 5.5.5 and exercise 9.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor

from revc.errors import BindError
from revc.runtime.bits.constants import UNIT
from revc.runtime.metered.plan import Budget
from revc.runtime.model import ReversibleModel
from revc.training.alpha import Alpha


def allowed_bits(out: Any) -> dict[Budget, float]:
    """Return what each budget on net allowed a sequence of a run, in bits.

    Raises:
        BindError: the run was compiled and kept no session; give the budget as a number.
    """
    session = out.run.session
    if session is None:
        raise BindError("a compiled run does not tell its budget: pass budget= in bits a sequence")
    return {at: bits / UNIT for at, bits in session.allowed.items() if at.meter == "net"}


def expected_loss(
    model: ReversibleModel, out: Any, alphas: Mapping[str, Alpha] | None = None,
    meters: Iterable[str] | None = None,
) -> Tensor:  # fmt: skip
    """Return sum of (1 - alpha) l over valves, the mean over sequences, 0-dim in bits.

    Differentiable in l, and in alpha where `alphas` has it: d/d alpha = -l. The valves are all, or
    those in `meters`.
    """
    lost = out.run.lengths.new_zeros(())
    wanted = set(model.interface.plan.valves if meters is None else meters)
    for meter in model.interface.plan.valves:
        if meter in wanted:
            learned = (alphas or {}).get(meter)
            alpha = model.throttle.of(meter) if learned is None else learned()
            lost = lost + (1 - alpha) * out.written[meter].mean()
    return lost


class _Terms:
    """What both objectives measure of a run."""

    def __init__(
        self, model: ReversibleModel, write: float, budget: float | None,
        alphas: Iterable[Alpha],
    ) -> None:  # fmt: skip
        if not model.interface.plan:
            raise BindError(f"{model.interface.name} exchanges no bits: there is nothing to bound")
        self.model, self.write, self.budget = model, write, budget
        self.alphas = {alpha.meter: alpha for alpha in alphas}

    def base(self, task: Tensor, out: Any) -> Tensor:
        """Return the task's loss and the price of what is written."""
        if not self.write:
            return task
        written = torch.stack([bits.mean() for bits in out.written.values()]).sum()
        return task + self.write * written

    def excesses(self, out: Any) -> Tensor:
        """Return what a run is expected to lose beyond each budget, [budgets] in bits a sequence.

        A bound given as a number is one on all valves together.
        """
        if self.budget is not None:
            return (expected_loss(self.model, out, self.alphas) - self.budget)[None]
        excesses = [
            expected_loss(self.model, out, self.alphas, at.targets) - bits
            for at, bits in allowed_bits(out).items()
        ]
        if not excesses:  # no budget allows any loss
            excesses = [expected_loss(self.model, out, self.alphas)]
        return torch.stack(excesses)


class Objective(_Terms):
    """``objective(task, out)``: the loss with a quadratic penalty.

    Args:
        model: the compiled model, whose throttles count.
        write: price of a bit written, in units of the task's loss.
        penalty: price of a squared bit beyond the budget.
        budget: bits a sequence; by default what the spec's budgets on net allow the run.
        alphas: learned throttles.
    """

    def __init__(
        self, model: ReversibleModel, *, write: float = 0.0, penalty: float = 0.0,
        budget: float | None = None, alphas: Iterable[Alpha] = (),
    ) -> None:  # fmt: skip
        super().__init__(model, write, budget, alphas)
        self.penalty = penalty

    def __call__(self, task: Tensor, out: Any) -> Tensor:
        """Return the loss of a run whose task's loss is `task`, 0-dim."""
        total = self.base(task, out)
        if not self.penalty:
            return total
        return total + self.penalty * self.excesses(out).clamp(min=0).square().sum()


class DualAscent(_Terms):
    """``objective(task, out)`` with multipliers on the excesses, which `step` moves after each run.

    A budget's multiplier grows by `rate` times its excess, in bits, and never falls below 0.
    """

    def __init__(
        self, model: ReversibleModel, *, rate: float, write: float = 0.0,
        budget: float | None = None, alphas: Iterable[Alpha] = (),
    ) -> None:  # fmt: skip
        super().__init__(model, write, budget, alphas)
        self.rate = rate
        self.multipliers: list[float] = []
        self._last: Tensor | None = None

    def __call__(self, task: Tensor, out: Any) -> Tensor:
        """Return the Lagrangian of a run, 0-dim."""
        excesses = self.excesses(out)
        self._last = excesses.detach()
        self.multipliers = self.multipliers or [0.0] * len(excesses)
        return self.base(task, out) + (excesses.new_tensor(self.multipliers) * excesses).sum()

    def step(self) -> None:
        """Move the multipliers by the last run's excesses; waits for the device."""
        last = [] if self._last is None else self._last.tolist()
        pairs = zip(self.multipliers, last, strict=True)
        self.multipliers = [max(0.0, old + self.rate * excess) for old, excess in pairs]
