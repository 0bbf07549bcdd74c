"""Modules that people bring, with inputs: torch's own layers and containers, and home-made ones."""

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import parametrizations
from torch.utils.checkpoint import checkpoint

B, T, D = 2, 4, 8


class Wrapped(nn.Module):
    """A module of parts and a function of them."""

    def __init__(self, function: Callable[..., Tensor], *parts: nn.Module) -> None:
        super().__init__()
        self.parts, self.function = nn.ModuleList(parts), function

    def forward(self, *inputs: Tensor) -> Tensor:
        return self.function(*self.parts, *inputs)


class Cube(torch.autograd.Function):
    """A function whose gradient is written by hand, and not that of its forward pass."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return 7 * grads[0] * x**2


class Lora(nn.Module):
    """A frozen affine map with a low-rank one beside it."""

    def __init__(self) -> None:
        super().__init__()
        self.base = nn.Linear(D, D).requires_grad_(False)
        self.down, self.up = nn.Linear(D, 2, bias=False), nn.Linear(2, D, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.base(x) + 2 * self.up(self.down(x))


class Tied(nn.Module):
    """One weight in two places."""

    def __init__(self) -> None:
        super().__init__()
        self.up, self.down = nn.Linear(D, D), nn.Linear(D, D)
        self.down.weight = self.up.weight

    def forward(self, x: Tensor) -> Tensor:
        return self.down(torch.tanh(self.up(x)))


class Rotary(nn.Module):
    """Attention whose queries and keys are turned, with a table that is no buffer."""

    def __init__(self) -> None:
        super().__init__()
        self.qkv = nn.Linear(D, 3 * D)
        angles = torch.arange(T)[:, None] / 100 ** (torch.arange(2) / 2)
        self.cos, self.sin = angles.cos().repeat(1, 2), angles.sin().repeat(1, 2)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.qkv(x).view(B, T, 3, 2, 4).permute(2, 0, 3, 1, 4)
        q, k = (y * self.cos + torch.cat([-y[..., 2:], y[..., :2]], -1) * self.sin for y in (q, k))
        found = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        return found.transpose(1, 2).reshape(B, T, D)


class Swiglu(nn.Module):
    """The gated layer of Llama."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.RMSNorm(D)
        self.gate, self.up, self.down = nn.Linear(D, 16), nn.Linear(D, 16), nn.Linear(16, D)

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm(x)
        return self.down(functional.silu(self.gate(x)) * self.up(x))


class Branching(nn.Module):
    """Its numbers decide what it computes."""

    def forward(self, x: Tensor) -> Tensor:
        return x if x.sum() > 0 else -x


class CountingCalls(nn.Module):
    """It notes in Python how often it ran."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        return x * math.cos(self.calls)


class Listing(nn.Module):
    """It notes what it saw in a list."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[int] = []

    def forward(self, x: Tensor) -> Tensor:
        self.seen.append(len(x))
        return 2 * x


class Statistics(nn.Module):
    """It writes to a buffer where torch does not count."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        self.calls.data.add_(1)
        return x


def pieces(x: Tensor) -> Tensor:
    """Write through views, also after the memory was read."""
    found = x.new_zeros(B, T, D)
    found[:, 0] = x[:, 0].tanh()
    first = found * 2
    found[:, 1:] += x[:, 1:].exp()
    view = found.view(-1)
    view[::3].mul_(0.5)
    return first.sin() * found + found.square()


def hooked() -> nn.Module:
    net = nn.Linear(D, D)
    net.register_forward_hook(lambda *_: None)
    return net


def stream(*shape: int) -> Callable[[], tuple[Tensor, ...]]:
    return lambda: (torch.randn(*shape),)


def twice() -> tuple[Tensor, ...]:
    return torch.randn(B, T, D), torch.randn(B, T, D)


def masked() -> tuple[Tensor, ...]:
    return torch.randn(B, T, D), torch.rand(B, 1, T, T) > 0.2


def attended(x: Tensor, mask: Tensor) -> Tensor:
    q = x.view(B, T, 2, 4).transpose(1, 2)
    mask = mask | torch.eye(T, dtype=torch.bool)
    return functional.scaled_dot_product_attention(q, q, q, mask).transpose(1, 2).reshape(B, T, D)


SEQ, LINE, IMAGE = stream(B, T, D), stream(B, D, T), stream(B, D, 4, 4)
Case = tuple[Callable[[], nn.Module], Callable[[], tuple[Tensor, ...]]]

CAPTURED: dict[str, Case] = {
    "linear": (lambda: nn.Linear(D, D), SEQ),
    "bilinear": (lambda: nn.Bilinear(D, D, D), twice),
    "conv1d": (lambda: nn.Conv1d(D, D, 3, padding=1), LINE),
    "conv2d": (lambda: nn.Conv2d(D, D, 3, padding=1, groups=2), IMAGE),
    "transposed conv": (lambda: nn.ConvTranspose1d(D, D, 3, padding=1), LINE),
    "layer norm": (lambda: nn.LayerNorm(D), SEQ),
    "rms norm": (lambda: nn.RMSNorm(D), SEQ),
    "group norm": (lambda: nn.GroupNorm(2, D), IMAGE),
    "instance norm": (lambda: nn.InstanceNorm2d(D, affine=True), IMAGE),
    "batch norm in eval": (lambda: nn.BatchNorm2d(D).eval(), IMAGE),
    "batch norm without statistics": (
        lambda: nn.BatchNorm2d(D, track_running_stats=False),
        IMAGE,
    ),
    "local response norm": (lambda: nn.LocalResponseNorm(2), IMAGE),
    "gelu": (nn.GELU, SEQ),
    "relu in place": (lambda: nn.Sequential(nn.Linear(D, D), nn.ReLU(inplace=True)), SEQ),
    "silu": (nn.SiLU, SEQ),
    "elu": (nn.ELU, SEQ),
    "selu": (nn.SELU, SEQ),
    "mish": (nn.Mish, SEQ),
    "hardswish": (nn.Hardswish, SEQ),
    "softplus": (nn.Softplus, SEQ),
    "prelu": (nn.PReLU, SEQ),
    "glu": (lambda: nn.Sequential(nn.Linear(D, 2 * D), nn.GLU()), SEQ),
    "softmax": (lambda: nn.Softmax(-1), SEQ),
    "identity": (nn.Identity, SEQ),
    "average pool": (lambda: nn.AvgPool2d(3, 1, 1), IMAGE),
    "max pool": (lambda: nn.MaxPool2d(3, 1, 1), IMAGE),
    "adaptive pool": (lambda: nn.AdaptiveAvgPool2d(2), IMAGE),
    "upsample": (lambda: nn.Upsample(scale_factor=2, mode="bilinear"), IMAGE),
    "pixel shuffle": (lambda: nn.PixelShuffle(2), IMAGE),
    "unfold": (lambda: nn.Unfold(2), IMAGE),
    "embedding": (lambda: nn.Embedding(5, D), lambda: (torch.randint(5, (B, T)),)),
    "dropout in eval": (lambda: nn.Sequential(nn.Linear(D, D), nn.Dropout(0.5)).eval(), SEQ),
    "attention": (
        lambda: Wrapped(
            lambda net, x: net(x, x, x, need_weights=False)[0],
            nn.MultiheadAttention(D, 2, batch_first=True),
        ),
        SEQ,
    ),
    "attention with weights": (
        lambda: Wrapped(lambda net, x: net(x, x, x)[0], nn.MultiheadAttention(D, 2)),
        SEQ,
    ),
    "masked attention": (lambda: Wrapped(attended), masked),
    "encoder layer": (lambda: nn.TransformerEncoderLayer(D, 2, 16, 0.0, batch_first=True), SEQ),
    "encoder layer in eval": (
        lambda: nn.TransformerEncoderLayer(D, 2, 16, 0.1, batch_first=True).eval(),
        SEQ,
    ),
    "decoder layer": (lambda: nn.TransformerDecoderLayer(D, 2, 16, 0.0, batch_first=True), twice),
    "encoder": (
        lambda: nn.TransformerEncoder(
            nn.TransformerEncoderLayer(D, 2, 16, 0.0, norm_first=True),
            2,
            enable_nested_tensor=False,
        ),
        SEQ,
    ),
    "lstm cell": (lambda: Wrapped(lambda net, x: net(x[:, 0])[0], nn.LSTMCell(D, D)), SEQ),
    "gru cell": (lambda: Wrapped(lambda net, x: net(x[:, 0]), nn.GRUCell(D, D)), SEQ),
    "gru": (lambda: nn.GRU(D, D, batch_first=True), SEQ),
    "weight norm": (lambda: parametrizations.weight_norm(nn.Linear(D, D)), SEQ),
    "orthogonal": (lambda: parametrizations.orthogonal(nn.Linear(D, D)), SEQ),
    "spectral norm in eval": (lambda: parametrizations.spectral_norm(nn.Linear(D, D)).eval(), SEQ),
    "lora": (Lora, SEQ),
    "tied": (Tied, SEQ),
    "rotary": (Rotary, SEQ),
    "swiglu": (Swiglu, SEQ),
    "by hand": (lambda: Wrapped(lambda net, x: Cube.apply(net(x)), nn.Linear(D, D)), SEQ),
    "checkpointed": (
        lambda: Wrapped(
            lambda net, x: checkpoint(net, x, use_reentrant=False),
            nn.Sequential(nn.Linear(D, D), nn.Tanh(), nn.Linear(D, D)),
        ),
        SEQ,
    ),
    "einsum": (lambda: Wrapped(lambda x: torch.einsum("btd,bsd,bse->bte", x, x, x)), SEQ),
    "spread": (lambda: Wrapped(lambda x: x.sum(-1, keepdim=True).expand(B, T, D)), SEQ),
    "pieces": (lambda: Wrapped(pieces), SEQ),
    "part": (lambda: Wrapped(lambda x: functional.silu(x.view(B, T * D)).view(B, T, D)), SEQ),
    "written within": (
        lambda: Wrapped(
            lambda x: functional.pad(x, (1, 0)).index_fill_(-1, torch.tensor([0]), 2.0)
        ),
        SEQ,
    ),
}

CALLED: dict[str, tuple[Callable[[], nn.Module], Callable[[], tuple[Tensor, ...]], str]] = {
    "branching": (Branching, SEQ, "its numbers decide"),
    "counting calls": (CountingCalls, SEQ, "`calls` from call to call"),
    "listing": (Listing, SEQ, "`seen` from call to call"),
    "statistics": (Statistics, SEQ, "writes"),
    "batch norm": (lambda: nn.BatchNorm2d(D), IMAGE, "writes"),
    "instance norm with statistics": (
        lambda: nn.InstanceNorm2d(D, track_running_stats=True),
        IMAGE,
        "writes",
    ),
    "spectral norm": (lambda: parametrizations.spectral_norm(nn.Linear(D, D)), SEQ, "writes"),
    "hooked": (hooked, SEQ, "hooks"),
    "sparse gradients": (
        lambda: nn.Embedding(5, D, sparse=True),
        lambda: (torch.randint(5, (B, T)),),
        "sparse",
    ),
    "no tensor": (lambda: Wrapped(lambda x: [x]), SEQ, "returns no tensor, but list"),
    "a tensor of its own": (
        lambda: Wrapped(partial(torch.mul, torch.ones(D))),
        SEQ,
        "computes with a tensor",
    ),
}
