"""Objectives: a task's loss, the bits that are written, and those that are lost.

    task + write * sum l + penalty * max(0, sum Delta - allowed)**2

l are code lengths of what goes to the tape, in bits a sequence; Delta, what is lost, is in
expectation (1 - alpha) l for a valve throttled to alpha. Both are means over the sequences of the
batch. Dual ascent puts a multiplier in place of the square: Boyd, Vandenberghe, "Convex
Optimization" (2004), section 5.5.5 and exercise 9.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor

from revc.errors import BindError
from revc.runtime.bits.constants import UNIT
from revc.runtime.model import ReversibleModel
from revc.training.alpha import Alpha


def allowed_bits(out: Any) -> float:
    """Return what the budgets on net allowed a sequence of a run, in bits; 0 without a budget.

    Raises:
        BindError: the run was compiled and kept no session; give the budget as a number.
    """
    session = out.run.session
    if session is None:
        raise BindError("a compiled run does not tell its budget: pass budget= in bits a sequence")
    return sum(bits for at, bits in session.allowed.items() if at.meter == "net") / UNIT


def expected_loss(
    model: ReversibleModel, out: Any, alphas: Mapping[str, Alpha] | None = None
) -> Tensor:
    """Return sum of (1 - alpha) l over the valves, the mean over sequences, 0-dim in bits.

    Differentiable in l, and in alpha where `alphas` has it: d/d alpha = -l.
    """
    lost = out.run.lengths.new_zeros(())
    for meter in model.interface.plan.valves:
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

    def excess(self, out: Any) -> Tensor:
        """Return what a run is expected to lose beyond its budget, 0-dim in bits a sequence."""
        allowed = allowed_bits(out) if self.budget is None else self.budget
        return expected_loss(self.model, out, self.alphas) - allowed


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
        return total + self.penalty * self.excess(out).clamp(min=0).square()


class DualAscent(_Terms):
    """``objective(task, out)`` with a multiplier on the excess, which `step` moves after each run.

    The multiplier grows by `rate` times the excess, in bits, and never falls below 0.
    """

    def __init__(
        self, model: ReversibleModel, *, rate: float, write: float = 0.0,
        budget: float | None = None, alphas: Iterable[Alpha] = (),
    ) -> None:  # fmt: skip
        super().__init__(model, write, budget, alphas)
        self.rate, self.multiplier, self._last = rate, 0.0, 0.0

    def __call__(self, task: Tensor, out: Any) -> Tensor:
        """Return the Lagrangian of a run, 0-dim."""
        excess = self.excess(out)
        self._last = float(excess.detach())
        return self.base(task, out) + self.multiplier * excess

    def step(self) -> None:
        """Move the multiplier by the last run's excess."""
        self.multiplier = max(0.0, self.multiplier + self.rate * self._last)
