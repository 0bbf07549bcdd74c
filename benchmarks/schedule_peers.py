"""What plans are held against at equal peak: checkpointing in several grains, and revtorch."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from importlib.util import find_spec

from torch import Tensor
from torch.utils.checkpoint import checkpoint

from benchmarks.arms import Arm, Plain, build
from benchmarks.nets import Layer, Size

SIDES = (2, 3, 4, 6)
"""How many layers a checkpoint may span."""


class Spanning(Plain):
    """A checkpoint in front of every `span` layers, as `checkpoint_sequential` has them."""

    def __init__(self, stack: list[Layer], span: int) -> None:
        super().__init__(stack)
        self.span = span

    def forward(self, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
        for start in range(0, len(self.stack), self.span):
            a, b = checkpoint(
                self._some, start, a, b, use_reentrant=False, preserve_rng_state=False
            )
        return a, b

    def _some(self, start: int, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
        for layer in self.stack[start : start + self.span]:
            a, b = layer(a, b)
        return a, b


class EachNet(Plain):
    """A checkpoint for each net: less is held at once, and as much between the passes."""

    def forward(self, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
        for layer in self.stack:
            a = a + checkpoint(layer.f, b, use_reentrant=False, preserve_rng_state=False)
            b = b + checkpoint(layer.g, a, use_reentrant=False, preserve_rng_state=False)
        return a, b


def peers(size: Size) -> Iterator[tuple[str, Arm]]:
    """Yield peers, whose inputs want no gradient, as those of a network that is trained.

    Those of revtorch do.
    """
    for name in ("plain", "selective checkpoint", "checkpoint"):
        yield name, trained(build(name, size))
    yield "checkpoint each net", _grained(size, EachNet)
    for span in SIDES:
        if size.layers % span == 0 and span < size.layers:
            yield f"checkpoint every {span}", _grained(size, partial(Spanning, span=span))
    if find_spec("revtorch") is not None:
        yield "revtorch", build("revtorch", size)  # which has no backward pass for other inputs


def trained(arm: Arm) -> Arm:
    """Let an arm's inputs want no gradient."""
    for leaf in arm.leaves:
        leaf.requires_grad_(False)
    return arm


def _grained(size: Size, made: Callable[[list[Layer]], Plain]) -> Arm:
    arm = trained(build("plain", size))
    module = made(arm.stack)
    return replace(arm, module=module, call=lambda: module(*arm.leaves))
