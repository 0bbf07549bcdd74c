"""Lists of modules for the planner's tests: small ones of each sort, and random ones."""

from collections.abc import Callable

import torch
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional

WIDTH = 16


class Residual(nn.Module):
    def __init__(self, *inner: nn.Module) -> None:
        super().__init__()
        self.inner = nn.Sequential(*inner)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.inner(x)


class Attention(nn.Module):
    def __init__(self, width: int = WIDTH, heads: int = 4, dropout: float = 0.0) -> None:
        super().__init__()
        self.mix, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.heads, self.dropout = heads, dropout

    def forward(self, x: Tensor) -> Tensor:
        batch, time, width = x.shape
        mixed = self.mix(x).view(batch, time, 3, self.heads, width // self.heads)
        q, k, v = mixed.permute(2, 0, 3, 1, 4)
        out = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        out = functional.dropout(out, self.dropout, self.training)
        return self.out(out.transpose(1, 2).reshape(batch, time, width))


class RootNorm(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        return self.weight * x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6)


class Gated(nn.Module):
    """A feed-forward net with a gate, as Llama's."""

    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.gate, self.up, self.down = (
            nn.Linear(*shape, bias=False)
            for shape in ((width, inner), (width, inner), (inner, width))
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.down(functional.silu(self.gate(x)) * self.up(x))


class Block(nn.Module):
    """A layer of Llama's shape."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.before, self.after = RootNorm(width), RootNorm(width)
        self.attention, self.mlp = Attention(width), Gated(width, 3 * width)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attention(self.before(x))
        return x + self.mlp(self.after(x))


class Split(nn.Module):
    """A tensor to a tuple of two."""

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return x.tanh(), x.sigmoid()


class Exchange(nn.Module):
    """A tuple of two to another."""

    def __init__(self, width: int = WIDTH) -> None:
        super().__init__()
        self.net = nn.Linear(width, width)

    def forward(self, both: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        a, b = both
        return b, a + self.net(b).relu()


class Join(nn.Module):
    def forward(self, both: tuple[Tensor, Tensor]) -> Tensor:
        return both[0] * both[1]


def llama(width: int = 32, layers: int = 4) -> tuple[nn.Sequential, Tensor]:
    blocks = [Block(width) for _ in range(layers)]
    net = nn.Sequential(nn.Embedding(50, width), *blocks, RootNorm(width), nn.Linear(width, 50))
    return net, torch.randint(0, 50, (2, 24))


def convolutions() -> tuple[nn.Sequential, Tensor]:
    net = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(inplace=True),
        nn.Conv2d(8, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2),
        nn.Dropout2d(0.3), nn.Conv2d(8, 16, 3), nn.SiLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        nn.Linear(16, 10),
    )  # fmt: skip
    return net, torch.randn(4, 3, 24, 24)


def tuples() -> tuple[nn.Sequential, Tensor]:
    net = nn.Sequential(
        nn.Linear(WIDTH, WIDTH),
        Split(),
        Exchange(),
        Exchange(),
        Exchange(),
        Join(),
        nn.Dropout(0.5),
    )
    return net, torch.randn(32, WIDTH)


NETS: dict[str, Callable[[], tuple[nn.Sequential, Tensor]]] = {
    "llama": llama, "convolutions": convolutions, "tuples": tuples,
}  # fmt: skip

SEQUENCES: list[Callable[[], nn.Module]] = [
    lambda: nn.Linear(WIDTH, WIDTH),
    lambda: nn.Sequential(nn.Linear(WIDTH, 4 * WIDTH), nn.GELU(), nn.Linear(4 * WIDTH, WIDTH)),
    lambda: nn.LayerNorm(WIDTH),
    nn.ReLU,
    lambda: nn.ReLU(inplace=True),
    nn.GELU,
    nn.Tanh,
    nn.Sigmoid,
    nn.Identity,
    lambda: nn.Dropout(0.4),
    Attention,
    lambda: Attention(dropout=0.2),
    lambda: Residual(nn.LayerNorm(WIDTH), nn.Linear(WIDTH, WIDTH), nn.Dropout(0.1)),
    lambda: Gated(WIDTH, 3 * WIDTH),
    lambda: nn.Softmax(-1),
]
IMAGES: list[Callable[[], nn.Module]] = [
    lambda: nn.Conv2d(8, 8, 3, padding=1),
    lambda: nn.Conv2d(8, 8, 1),
    lambda: nn.BatchNorm2d(8),
    lambda: nn.GroupNorm(2, 8),
    nn.ReLU,
    lambda: nn.LeakyReLU(0.1, inplace=True),
    nn.SiLU,
    lambda: nn.Dropout2d(0.3),
    lambda: nn.MaxPool2d(3, stride=1, padding=1),
    lambda: Residual(nn.Conv2d(8, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(inplace=True)),
]


LINEAR = (nn.Linear, nn.Conv2d, nn.LayerNorm, nn.BatchNorm2d, nn.GroupNorm, Residual, Gated)


@st.composite
def random_nets(draw: st.DrawFn) -> tuple[list[nn.Module], Tensor]:
    """A list of modules, and an input that may want a gradient."""
    images = draw(st.booleans())
    makers = IMAGES if images else SEQUENCES
    chosen = draw(st.lists(st.sampled_from(makers), min_size=1, max_size=7))
    shape = (2, 8, 12, 12) if images else (4, 32, WIDTH)
    torch.manual_seed(draw(st.integers(0, 99)))
    net: list[nn.Module] = [nn.Conv2d(8, 8, 1) if images else nn.Linear(WIDTH, WIDTH)]
    for one in (make() for make in chosen):
        in_place = getattr(one, "inplace", False)
        if not in_place or isinstance(net[-1], LINEAR):  # autograd wants other results as they are
            net.append(one)
    return net, torch.randn(shape, requires_grad=draw(st.booleans()))
