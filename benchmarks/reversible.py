"""The benchmark's network as a spec, compiled by revc with the weights of the plain one."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor, nn

import revc
from benchmarks.nets import Layer, Size
from revc.runtime import nets

Net = TypeVar("Net", bound=nn.Module)

BUILT_IN = """
use std.nets: attention, mlp, norm
dim B, T, d = {width}
state {state}
block Layer(a, b: [B, T, d]) {{
  a += attention(norm(b), heads = {heads}, causal = true)
  b += mlp(norm(a), width = 4*d, act = gelu)
}}
model Net(a, b: [B, T, d]) -> (a, b: [B, T, d]) {{ repeat {layers} {{ Layer(a, b) }} }}
"""

BROUGHT = """
dim B, T, d = {width}
state {state}
model Net(a, b: [B, T, d]) -> (a, b: [B, T, d]) {{
  repeat {layers} {{
    net F(x: [B, T, d]) -> [B, T, d]
    net G(x: [B, T, d]) -> [B, T, d]
    a += F(b)
    b += G(a)
  }}
}}
"""

EXACT = "lattice(Q12.20)"
INEXACT = "float32"


@dataclass(frozen=True)
class Settings:
    """How an arm is compiled; `brought` nets are torch modules, the others are built in."""

    state: str
    brought: bool = False
    chunks: int = 1


REVC = {
    "revc float": Settings(INEXACT),
    "revc lattice": Settings(EXACT),
    "revc float, torch nets": Settings(INEXACT, brought=True),
    "revc lattice, torch nets": Settings(EXACT, brought=True),
    "revc float, chunks=4": Settings(INEXACT, chunks=4),
    "revc lattice, chunks=4": Settings(EXACT, chunks=4),
}


def compiled(settings: Settings, size: Size, stack: list[Layer]) -> nn.Module:
    """Compile the network as `settings` say, with the weights of `stack`."""
    text = (BROUGHT if settings.brought else BUILT_IN).format(
        width=size.width, heads=size.heads, layers=size.layers, state=settings.state
    )
    if settings.brought:
        brought: dict[str, list[nn.Module]] = {
            "F": [layer.f for layer in stack],
            "G": [layer.g for layer in stack],
        }
        return revc.compile(text, chunks=settings.chunks, nets=brought)
    model = revc.compile(text, chunks=settings.chunks)
    load(model, stack)
    return model.to(stack[0].f.qkv.weight.dtype)


@torch.no_grad()
def load(model: nn.Module, stack: list[Layer]) -> None:
    """Copy the weights of `stack` into the built-in nets."""
    for theirs, ours in pairs(model, stack):
        theirs.copy_(ours)


def pairs(model: nn.Module, stack: list[Layer]) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield each parameter of the built-in nets, which stand in program order, with the layer's."""
    attentions, mlps = instances(model, nets.Attention), instances(model, nets.Mlp)
    norms = instances(model, nets.Norm)
    for i, layer in enumerate(stack):
        attention, mlp = attentions[i], mlps[i]
        yield from zip(norms[2 * i].parameters(), layer.f.norm.parameters(), strict=True)
        yield attention.weight_qkv, layer.f.qkv.weight
        yield attention.bias_qkv, layer.f.qkv.bias
        yield attention.weight_out, layer.f.out.weight
        yield attention.bias_out, layer.f.out.bias
        yield from zip(norms[2 * i + 1].parameters(), layer.g.norm.parameters(), strict=True)
        yield mlp.weight_in, layer.g.up.weight
        yield mlp.bias_in, layer.g.up.bias
        yield mlp.weight_out, layer.g.down.weight
        yield mlp.bias_out, layer.g.down.bias


def instances(model: nn.Module, kind: type[Net]) -> list[Net]:
    """Return the model's nets of one kind in program order."""
    return [module for module in model.modules() if isinstance(module, kind)]
