"""The arms of the language benchmark as modules from (tokens, targets) to the loss.

The reversible network has two streams, each as wide as the plain network's one, so that its layers
have the plain layers' parameters (Rev-ViT: Mangalam et al., 2022, arXiv:2302.04869). Both start as
the embedding, and their sum is read at the end. What valves add is taken from the mlps' width.
"""

from typing import Any

import torch
from torch import Tensor, nn

import revc
from benchmarks.lm_plain import Plain
from benchmarks.lm_setting import BOUND, BUDGET, CHECKPOINT, METERED, PLAIN, Setting
from revc.runtime.metered.books import Books

SPEC = """
use std.nets: attention, cross_entropy, embedding, linear, mlp, norm

dim B, T
dim V = {labels}, d = {width}, w = {inner}, k = {channels}
state lattice(Q12.20)

block Layer(a, b: [B, T, d]) {{
  a += attention(norm(b), heads = {heads}, causal = true, rotary = true)
  b += mlp(norm(a), width = w)
{valves}}}

model LM(given tokens: label(V)[B, T], given targets: label(V)[B, T]) -> (a, b: [B, T, d]) {{
  net Tok = embedding(V)
  alloc a, b: [B, T, d] = 0
  a += Tok(tokens)
  b += Tok(tokens)
  repeat {layers} {{ Layer(a, b) }}
  emit loss = cross_entropy(norm(a + b), targets, out = V, tied = Tok, chunk = {chunk})
}}
{budget}"""
PAIR = """\
  valve a[.., :k] by logistic(linear(b), step = 1/16) as va
  valve b[.., :k] by logistic(linear(a), step = 1/16) as vb
"""
METERS = ("va", "vb")
LIMIT = f"budget net(LM.va, LM.vb) <= {BOUND} bits/token/valve\n"


def spec(arm: str, at: Setting, even: bool = True) -> str:
    """Return an arm's spec; `even` narrows its mlps by what its valves need."""
    metered = arm in METERED
    return SPEC.format(
        labels=at.labels, width=at.width, heads=at.heads, layers=at.layers, chunk=at.chunk,
        channels=at.channels, inner=at.narrowed if metered and even else at.inner,
        valves=PAIR if metered else "", budget=LIMIT if arm == BUDGET else "",
    )  # fmt: skip


class Reversible(nn.Module):
    """(tokens, targets), int64 [B, T], to the mean cross-entropy in nats.

    In training the bits that valves write are added to the loss with the weight `pull`: without it
    nothing keeps a valve's distribution near the values that it replaces.
    """

    def __init__(self, model: Any, pull: float) -> None:
        super().__init__()
        self.model, self.pull = model, pull
        self.books = Books(0)  # of the last run
        self.unspent: list[Tensor] = []  # of each budget, int64 [B] in 2**-20 bit; not in training

    def forward(self, tokens: Tensor, targets: Tensor) -> Tensor:
        out = self.model(tokens, targets)
        loss: Tensor = out.loss
        if self.model.interface.plan:
            self.books = out.ledger
        session = out.run.session
        if session is not None and not self.training:
            self.unspent = [session.bucket(budget) for budget in session.charged]
        if self.training and self.pull:
            bits = torch.stack(list(out.written.values())).sum(0)  # [B]
            loss = loss + self.pull / tokens.shape[1] * bits.mean()
        return loss


def build(
    arm: str, at: Setting, seed: int = 0, device: str = "cpu", even: bool = True, chunks: int = 1
) -> nn.Module:
    """Return an arm that starts from `seed`."""
    torch.manual_seed(seed)
    if arm in (PLAIN, CHECKPOINT):
        return Plain(at, recompute=arm == CHECKPOINT).to(device)
    model = revc.compile(spec(arm, at, even), chunks=chunks)
    if arm not in METERED:
        return Reversible(model, 0.0).to(device)
    return Reversible(model, at.pull).to(device)


def parameters(module: nn.Module) -> int:
    """Return how many numbers an arm learns."""
    return sum(parameter.numel() for parameter in module.parameters())
