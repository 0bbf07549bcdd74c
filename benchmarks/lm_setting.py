"""The sizes of the language benchmark, and its arms."""

from dataclasses import asdict, dataclass
from typing import Any

PLAIN, CHECKPOINT, REVC = "plain", "checkpoint", "revc"
VALVES, BUDGET = "revc, valves", "revc, valves, budget"
ARMS = (PLAIN, CHECKPOINT, REVC, VALVES, BUDGET)
TRAINED = (PLAIN, REVC, VALVES, BUDGET)  # checkpointing computes what plain autograd does
METERED = (VALVES, BUDGET)
VALVES_A_LAYER = 2
BOUND = 0.1  # bits/token/valve that a valve under the budget may lose


@dataclass(frozen=True)
class Setting:
    """How large the networks are and how long they are trained.

    `width` is that of the plain network's stream and of each reversible one's. Valves reset
    `channels` of them. `chunk` are the tokens whose logits are held at a time, in every arm;
    `chunks` the pieces in which revc computes a net, where memory is measured. `pull` is the
    weight in the loss of the bits that valves write, in nats/token a bit/token.
    """

    layers: int
    width: int
    heads: int
    time: int
    batch: int
    labels: int
    channels: int
    steps: int
    warm_up: int  # steps before the budget holds
    windows: int  # of the held-out text
    seeds: int = 3
    chunk: int = 256
    chunks: int = 8
    rate: float = 3e-3
    pull: float = 0.0
    rounds: int = 11

    @property
    def inner(self) -> int:
        """Hidden units of an mlp."""
        return 4 * self.width

    @property
    def narrowed(self) -> int:
        """Hidden units of an mlp beside valves, whose parameters are taken from it."""
        for_valves = VALVES_A_LAYER * 2 * self.channels * (self.width + 1)
        return self.inner - round(for_valves / (2 * self.width + 1))

    def values(self) -> dict[str, Any]:
        """Return the sizes by name."""
        return asdict(self)


SETTINGS = {
    "full": Setting(
        layers=6, width=512, heads=8, time=256, batch=32, labels=8192, channels=64,
        steps=4000, warm_up=400, windows=512, rate=1e-3, pull=5e-5,
    ),
    "wide": Setting(  # the full size's steps, few enough for a CPU
        layers=6, width=512, heads=8, time=256, batch=8, labels=8192, channels=64,
        steps=20, warm_up=10, windows=16, seeds=1, rate=1e-3, pull=5e-5, rounds=5,
    ),
    "device": Setting(  # the full size, trained for a minute or two on a GPU
        layers=6, width=512, heads=8, time=256, batch=32, labels=8192, channels=64,
        steps=300, warm_up=60, windows=128, seeds=2, rate=1e-3, pull=5e-5, rounds=5,
    ),
    "small": Setting(
        layers=4, width=96, heads=4, time=128, batch=8, labels=256, channels=12,
        steps=400, warm_up=100, windows=256, pull=3e-4,
    ),
    "tiny": Setting(
        layers=2, width=16, heads=2, time=16, batch=2, labels=256, channels=2,
        steps=4, warm_up=2, windows=4, seeds=1, chunk=16, chunks=2, rounds=1, pull=3e-4,
    ),
}  # fmt: skip
