"""Training one arm of the language benchmark, and judging it by the held-out text."""

import math
import time
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.lm_arms import Reversible, build, parameters
from benchmarks.lm_data import Corpus, corpus, evenly, sample
from benchmarks.lm_setting import BUDGET, METERED, SETTINGS, Setting
from benchmarks.lm_tape import Tally, throttle, throttles

WARM_UP = 0.05  # the share of the steps in which the learning rate rises
EVERY = 20  # steps between two settings of the throttle


def train(arm: str, setting: str, seed: int, device: str, threads: int = 0) -> dict[str, Any]:
    """Train an arm from a seed; return its loss on the held-out text and what its valves moved."""
    if threads:
        torch.set_num_threads(threads)
    at = SETTINGS[setting]
    text = corpus(at.labels)
    model = build(arm, at, seed, device)
    start = time.perf_counter()
    last = _fit(arm, model, text, at, seed, device)
    seconds = time.perf_counter() - start
    return {
        **evaluate(model, text.held_out, at, device, metered=arm in METERED),
        "training loss": last,
        "seconds": seconds,
        "parameters": parameters(model),
        "throttles": throttles(model) if arm == BUDGET else [],
    }


def _fit(
    arm: str, model: nn.Module, text: Corpus, at: Setting, seed: int, device: str
) -> float:  # fmt: skip
    """Take all steps; return the mean loss of the last tenth."""
    optimizer = torch.optim.AdamW(model.parameters(), betas=(0.9, 0.95), weight_decay=0.01)
    generator = torch.Generator().manual_seed(seed)
    losses: list[Tensor] = []
    model.train()
    for step in range(at.steps):
        for group in optimizer.param_groups:
            group["lr"] = rate(step / at.steps, at.rate)
        batch = sample(text.train, at.batch, at.time, generator)
        loss = model(*(half.to(device) for half in batch))
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        losses.append(loss.detach())
        if arm == BUDGET and step >= at.warm_up and (step - at.warm_up) % EVERY == 0:
            assert isinstance(model, Reversible)
            throttle(model, at)
    return float(torch.stack(losses[-max(1, at.steps // 10) :]).mean())


def rate(share: float, peak: float) -> float:
    """Return the learning rate when `share` of the steps is taken: a rise, then a cosine."""
    if share < WARM_UP:
        return peak * (share + 0.01) / (WARM_UP + 0.01)
    return peak * (0.1 + 0.45 * (1 + math.cos(math.pi * share)))


@torch.no_grad()
def evaluate(
    model: nn.Module, text: Tensor, at: Setting, device: str, metered: bool
) -> dict[str, Any]:
    """Return the mean loss in nats on windows that lie evenly in `text`, and the bits moved."""
    model.eval()
    tokens, targets = evenly(text, at.windows, at.time)
    total, tally = 0.0, Tally(at)
    for batch in zip(tokens.split(at.batch), targets.split(at.batch), strict=True):
        total += float(model(*(half.to(device) for half in batch))) * len(batch[0])
        if metered:
            assert isinstance(model, Reversible)
            tally.add(model)
    return {"loss": total / at.windows, "tape": tally.summary() if metered else {}}
