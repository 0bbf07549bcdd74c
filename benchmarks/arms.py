"""The arms of the training benchmark: the same network and weights, trained in different ways."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import (
    CheckpointPolicy,
    checkpoint,
    create_selective_checkpoint_contexts,
)

from benchmarks.nets import Layer, Size, layers, streams
from benchmarks.peers import PEERS
from benchmarks.reversible import REVC, compiled, pairs
from revc.runtime.model import ReversibleModel


@dataclass
class Arm:
    """A network with its inputs; `call` runs it forward and returns all that its user holds."""

    module: nn.Module
    stack: list[Layer]
    weights: list[Tensor]  # in the order of the stack's own parameters
    leaves: tuple[Tensor, ...]
    call: Callable[[], Iterable[Tensor]]

    def outputs(self) -> tuple[Tensor, ...]:
        """Run forward and return the output streams."""
        return tuple(self.call())

    def step(self) -> None:
        """Run forward and backward; the sum's gradient takes no memory, so it is not counted."""
        out = self.call()
        sum(o.sum() for o in out).backward()  # type: ignore[union-attr]

    def tensors(self) -> list[Tensor]:
        """Return the parameters and inputs."""
        return [*self.module.parameters(), *self.leaves]

    def gradients(self) -> list[Tensor | None]:
        """Return the gradients that a step left."""
        return [t.grad for t in self.tensors()]

    def compile(self) -> None:
        """Run the module through torch.compile as one graph from now on."""
        compiled = torch.compile(self.module, fullgraph=True)
        self.call = lambda: compiled(*self.leaves)

    def compile_blocks(self) -> None:
        """Compile block by block, as people compile transformer layers, and not as one graph."""
        own = self.module.segments if isinstance(self.module, ReversibleModel) else self.stack
        for block in own:
            block.compile(dynamic=False)

    def reset(self) -> None:
        """Drop the gradients, so that a step starts as the first did."""
        for tensor in self.tensors():
            tensor.grad = None


class Plain(nn.Module):
    """The network under plain autograd."""

    def __init__(self, stack: list[Layer]) -> None:
        super().__init__()
        self.stack = nn.ModuleList(stack)

    def forward(self, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
        for layer in self.stack:
            a, b = layer(a, b)
        return a, b


class Checkpointed(Plain):
    """The network with each layer's insides recomputed in the backward pass."""

    def forward(self, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
        for layer in self.stack:
            a, b = checkpoint(layer, a, b, use_reentrant=False, preserve_rng_state=False)
        return a, b


class SelectivelyCheckpointed(Plain):
    """The same, but that matrix products and attention are kept and not computed again."""

    def forward(self, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
        for layer in self.stack:
            a, b = checkpoint(
                layer, a, b, use_reentrant=False, preserve_rng_state=False, context_fn=_selective
            )
        return a, b


def _selective() -> Any:
    return create_selective_checkpoint_contexts(_policy)


def _policy(context: Any, op: Any, *_: Any, **__: Any) -> CheckpointPolicy:
    name = op.name()
    kept = name in ("aten::mm", "aten::addmm", "aten::bmm") or "attention" in name
    return CheckpointPolicy.MUST_SAVE if kept else CheckpointPolicy.PREFER_RECOMPUTE


BASELINES: dict[str, type[Plain]] = {
    "plain": Plain,
    "checkpoint": Checkpointed,
    "selective checkpoint": SelectivelyCheckpointed,
}


def build(
    name: str,
    size: Size,
    scale: float = 1.0,
    dtype: torch.dtype = torch.float32,
    device: str = "cpu",
) -> Arm:
    """Return the arm `name`, its parameters multiplied by `scale` and in `dtype`."""
    with torch.device(device):  # to start a large network elsewhere takes long
        stack = layers(size, scale, dtype)
    a, b = (x.to(device) for x in streams(size))
    weights: list[Tensor] = [w for layer in stack for w in layer.parameters()]
    if name in PEERS:
        joined = torch.cat((a, b), dim=2).to(dtype).requires_grad_()
        peer = PEERS[name](stack)
        return Arm(peer, stack, weights, (joined,), lambda: (peer(joined),))
    if name in BASELINES:
        a, b = (x.to(dtype).requires_grad_() for x in (a, b))
        plain = BASELINES[name](stack)
        return Arm(plain, stack, weights, (a, b), lambda: plain(a, b))
    a, b = a.requires_grad_(), b.requires_grad_()
    with torch.device(device):
        model = compiled(REVC[name], size, stack).to(device)
    if not REVC[name].brought:
        weights = [theirs for theirs, _ in pairs(model, stack)]
    return Arm(model, stack, weights, (a, b), lambda: model(a, b))
