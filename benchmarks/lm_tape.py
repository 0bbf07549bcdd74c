"""What the valves of a language model write and draw, and the throttle that a budget allows."""

import math
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from benchmarks.lm_arms import METERS, Reversible
from benchmarks.lm_setting import BOUND, VALVES_A_LAYER, Setting
from revc.runtime.metered.books import Books

ACCOUNTS = ("written", "drawn", "net", "erased")


def throttle(arm: Reversible, at: Setting) -> None:
    """Let each valve lose what the budget allows of the bits that it wrote in the last run."""
    places = at.time * at.layers
    for meter in METERS:
        written = float(arm.model.ledger.bits("written", meter).mean()) / places
        arm.model.throttle[f"LM.{meter}"] = max(0.0, 1 - BOUND / written)


@dataclass
class Tally:
    """Bits a token of many sequences, by account."""

    at: Setting
    found: dict[str, list[Tensor]] = field(default_factory=lambda: {a: [] for a in ACCOUNTS})

    def add(self, books: Books) -> None:
        """Count the sequences of a run."""
        for account, values in self.found.items():
            values.append(books.bits(account).cpu() / self.at.time)

    def summary(self) -> dict[str, float]:
        """Return the mean of each account in bits a token, and net's of a valve with its error."""
        each = {account: torch.cat(values) for account, values in self.found.items()}
        valves = self.at.layers * VALVES_A_LAYER
        net = each["net"] / valves
        return {
            **{account: float(values.mean()) for account, values in each.items()},
            "net a valve": float(net.mean()),
            "standard error": float(net.std()) / math.sqrt(len(net)),
        }


def throttles(arm: Any) -> list[float]:
    """Return the throttles that are set."""
    return [arm.model.throttle.of(meter) for meter in METERS]
