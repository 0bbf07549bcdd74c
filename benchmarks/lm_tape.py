"""What the valves of a language model write and draw, and the throttle that a budget allows."""

import math
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from benchmarks.lm_arms import METERS, Reversible
from benchmarks.lm_setting import BOUND, VALVES_A_LAYER, Setting
from revc.runtime.bits.constants import UNIT

ACCOUNTS = ("written", "drawn", "net", "erased")


def throttle(arm: Reversible, at: Setting) -> None:
    """Let each valve lose what the budget allows of the bits that it wrote in the last run."""
    places = at.time * at.layers
    for meter in METERS:
        written = float(arm.books.bits("written", meter).mean()) / places
        arm.model.throttle[f"LM.{meter}"] = max(0.0, 1 - BOUND / written)


@dataclass
class Tally:
    """Bits a token of many sequences, by account, and what budgets have left of theirs."""

    at: Setting
    found: dict[str, list[Tensor]] = field(default_factory=lambda: {a: [] for a in ACCOUNTS})
    unspent: list[Tensor] = field(default_factory=list)

    def add(self, arm: Reversible) -> None:
        """Count the sequences of an arm's last run."""
        for account, values in self.found.items():
            values.append(arm.books.bits(account).cpu() / self.at.time)
        self.unspent += [left.cpu().double() / (UNIT * self.at.time) for left in arm.unspent]

    def summary(self) -> dict[str, float]:
        """Return the mean of each account in bits a token, and what concerns one valve.

        Without a budget nothing is charged.
        """
        each = {account: torch.cat(values) for account, values in self.found.items()}
        valves = self.at.layers * VALVES_A_LAYER
        net = each["net"] / valves
        left = float(torch.cat(self.unspent).mean()) / valves if self.unspent else BOUND
        return {
            **{account: float(values.mean()) for account, values in each.items()},
            "net a valve": float(net.mean()),
            "standard error": float(net.std()) / math.sqrt(len(net)),
            "charged a valve": BOUND - left,
        }


def throttles(arm: Any) -> list[float]:
    """Return the throttles that are set."""
    return [arm.model.throttle.of(meter) for meter in METERS]
