"""The published route to a reversible model: the midpoint rule, then fine-tuning by KL.

``x+ = x- + f(x) + f-(p)`` needs no tape. f- is the increment of the layer before, and p stands for
what that layer read: `p <- x - f-(p)` from p = x, once. With p = x- it would be ``x + f(x)``. The
first layer is ``x + f(x)`` as it was. The teacher is the ordinary model.
"""

from __future__ import annotations

import copy
import statistics
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn import functional

import revc
from benchmarks.rows import Row
from revc.retrofitting.increments import Increment

if TYPE_CHECKING:
    from benchmarks.retrofit_training import Setting

RATE = 1e-4
SPEC = """\
dim B, T, P, h, d = {width}
state lattice(Q20.12)

model Midpoint(
  x: [B, T, d],
  given cos: float32[P, T, h],
  given sin: float32[P, T, h],
) -> (x: [B, T, d], y: [B, T, d]) {{
  alloc y: [B, T, d] = 0
  net First(x: [B, T, d], cos: [P, T, h], sin: [P, T, h]) -> [B, T, d]
  y += x + First(x, cos, sin)
  repeat {turns} {{
    net Next(x: [B, T, d], cos: [P, T, h], sin: [P, T, h]) -> [B, T, d]
    x += Next(y, cos, sin)
    swap x, y
  }}
}}
"""


class Next(nn.Module):
    """What the midpoint rule adds to the state before: the layer's increment, and f-(p)."""

    def __init__(self, layer: Increment, before: Increment) -> None:
        super().__init__()
        self.layer, self.before = layer, before

    def forward(self, x: Tensor, *givens: Tensor) -> Tensor:
        """Return f(x) + f-(p) of x [B, T, d]."""
        estimate = x - self.before(x, *givens)
        return self.layer(x, *givens) + self.before(estimate, *givens)


class Student(nn.Module):
    """The model whose layers run by the midpoint rule: token numbers to logits."""

    def __init__(self, model: Any, window: Tensor) -> None:
        super().__init__()
        self.model = copy.deepcopy(model).train()
        revc.retrofit(self.model, calibration={"input_ids": window})  # says how layers are called
        with torch.no_grad(), self.model.stack.noting() as calls:
            self.model(input_ids=window)
        self.givens = calls[0].givens
        parts = [Increment(layer, calls[0].how) for layer in self.model.stack.layers]
        spec = SPEC.format(width=self.model.config.hidden_size, turns=len(parts) - 1)
        after = [Next(*pair) for pair in zip(parts[1:], parts[:-1], strict=True)]
        self.program = revc.compile(spec, nets={"First": parts[:1], "Next": after})

    def forward(self, ids: Tensor) -> Tensor:
        """Return logits [B, T, V] of token numbers [B, T]; T is that of the first window."""
        base = self.model.model
        out = self.program(x=base.embed_tokens(ids), **self.givens)
        return self.model.lm_head(base.norm(out.y))


def midpoint(model: Any, setting: Setting) -> Iterator[Row]:
    """Yield the midpoint model's loss before and after fine-tuning by KL, one seed."""
    student = Student(model, setting.batch(0, 0))
    optimizer = torch.optim.AdamW(student.model.parameters(), lr=RATE, weight_decay=0.0)
    apart, losses = [], []
    for step in range(setting.steps):
        ids = setting.batch(0, step)
        with torch.no_grad():
            teacher = model(input_ids=ids).logits
        logits = student(ids)
        losses.append(_loss(logits.detach(), ids))
        divergence = _divergence(teacher, logits)
        optimizer.zero_grad()
        divergence.backward()
        optimizer.step()
        apart.append(divergence.item())
    yield from _rows(apart, losses)


def _loss(logits: Tensor, ids: Tensor) -> float:
    return functional.cross_entropy(logits[0, :-1], ids[0, 1:]).item()


def _divergence(teacher: Tensor, student: Tensor) -> Tensor:
    """Return KL(teacher || student) in nats a token."""
    ours, theirs = (x.flatten(0, 1).log_softmax(-1) for x in (student, teacher))
    return functional.kl_div(ours, theirs, log_target=True, reduction="batchmean")


def _rows(apart: list[float], losses: list[float]) -> Iterator[Row]:
    quarter = max(1, len(losses) // 4)
    for name, curve in (("KL", apart), ("loss", losses)):
        note = " ".join(f"{value:.3f}" for value in curve)
        first, last = statistics.fmean(curve[:quarter]), statistics.fmean(curve[-quarter:])
        yield Row(f"midpoint by KL: {name} of the first {quarter} steps", first, "nats", note=note)
        yield Row(f"midpoint by KL: {name} of the last {quarter}", last, "nats")
