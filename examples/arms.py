"""The demo's three arms: the network of specs/lm.rev by revc, and the same in plain torch.

Each function that measures runs in a process of its own and is given its weights in a file.
"""

import argparse
import time
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

import revc
from benchmarks.worker import ROOT
from examples.corpus import read, sample
from examples.network import Network, from_revc
from revc.planning.meter import trace

SPEC = ROOT / "specs" / "lm.rev"
REVC, PLAIN, CHECKPOINT = "revc", "plain autograd", "checkpoint per block"
ARMS = (REVC, PLAIN, CHECKPOINT)
BATCH, TIME = 16, 128


class Loss(nn.Module):
    """The compiled model as a function of (tokens, targets) to the loss in nats."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, tokens: Tensor, targets: Tensor) -> Tensor:
        """Return the mean cross-entropy; both inputs are int64 [B, T]."""
        loss: Tensor = self.model(tokens, targets).loss
        return loss


def build(arm: str, weights: str) -> nn.Module:
    """Return an arm that starts from the weights of a compiled model, saved in a file."""
    state = torch.load(weights, weights_only=True)
    if arm == REVC:
        model = revc.compile(SPEC)
        model.load_state_dict(state)
        return Loss(model)
    network = Network(recompute=arm == CHECKPOINT)
    network.load_state_dict(from_revc(state))
    return network


def first_batch() -> tuple[Tensor, Tensor]:
    """Return the batch that every arm is measured on, from one file that is quick to read."""
    text = read([Path(argparse.__file__)])
    return sample(text, BATCH, TIME, torch.Generator().manual_seed(0))


def memory(arm: str, weights: str) -> dict[str, Any]:
    """Return an arm's first loss, and the bytes that a step holds: over time, and at its peak.

    Parameters, inputs and their gradients are not counted.
    """
    model, batch = build(arm, weights), first_batch()
    with torch.no_grad():
        loss = float(model(*batch))
    found = trace(
        lambda: model(*batch).backward(), less=lambda: [p.grad for p in model.parameters()]
    )
    return {"loss": loss, "seconds": found.seconds, "held": found.held, "peak": found.peak}


def step_seconds(weights: str, rounds: int) -> dict[str, list[float]]:
    """Return the times of each arm's steps; the arms take turns."""
    arms, batch = {arm: build(arm, weights) for arm in ARMS}, first_batch()
    times: dict[str, list[float]] = {arm: [] for arm in ARMS}
    for _ in range(rounds + 1):
        for arm, model in arms.items():
            start = time.perf_counter()
            model(*batch).backward()
            times[arm].append(time.perf_counter() - start)
            model.zero_grad()
    return {arm: each[1:] for arm, each in times.items()}  # the first is a warm-up
