"""What regions keep, by the byte; which nets share them; state that is decoded within."""

from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from revc.runtime.nets.capture.regions import Code, Pair, Regions, paired
from revc.runtime.nets.capture.trace import Sample, trace
from revc.runtime.state import lattice
from tests.capture.zoo import Wrapped

B, T, D = 2, 4, 8
STREAM = B * T * D * 4
"""Bytes of a stream of float32."""


def attend(norm: nn.Module, qkv: nn.Module, out: nn.Module, x: Tensor) -> Tensor:
    q, k, v = qkv(norm(x)).unflatten(-1, (3, 2, 4)).permute(2, 0, 3, 1, 4)
    weights = torch.softmax(q @ k.transpose(-1, -2), -1)
    return out((weights @ v).transpose(1, 2).flatten(2))


def mlp(norm: nn.Module, up: nn.Module, down: nn.Module, x: Tensor) -> Tensor:
    return down(functional.gelu(up(norm(x))))


def gated(gate: nn.Module, up: nn.Module, down: nn.Module, x: Tensor) -> Tensor:
    return down(functional.silu(gate(x)) * up(x))


ROWS = 2 * B * T * 4
"""Bytes of the mean and deviation of each token."""

NORM = partial(nn.LayerNorm, D)
UP, DOWN = partial(nn.Linear, D, 4 * D), partial(nn.Linear, 4 * D, D)

# What a product reads is kept, once: the norm's result; queries, keys and values in the tensor that
# they are parts of, the weights [B, 2, T, T], what they weigh; both ends of a gelu; of a gate the
# product and its factors before the silu, which its readers make again as they run.
KEPT: dict[str, tuple[Callable[[], nn.Module], int]] = {
    "attention": (
        lambda: Wrapped(attend, NORM(), nn.Linear(D, 3 * D), nn.Linear(D, D)),
        (1 + 3 + 1) * STREAM + B * 2 * T * T * 4 + ROWS,
    ),
    "mlp": (lambda: Wrapped(mlp, NORM(), UP(), DOWN()), (1 + 4 + 4) * STREAM + ROWS),
    "gated": (lambda: Wrapped(gated, UP(), UP(), DOWN()), (4 + 4 + 4) * STREAM),
}


def regions_of(net: nn.Module, x: Tensor, code: Code | None = None) -> Pair:
    joint = trace(net, Sample([*net.parameters()], [x], None))
    return paired(joint, [v.requires_grad for v in (*net.parameters(), x)], [code], Regions())


def sample() -> Tensor:
    return torch.randn(B, T, D, requires_grad=True)


@pytest.mark.parametrize("name", KEPT)
def test_each_byte_that_a_region_keeps_is_read_whole_and_kept_once(name: str) -> None:
    make_net, wanted = KEPT[name]
    torch.manual_seed(0)
    net, x = make_net(), sample()
    _, *kept = regions_of(net, x).front(*net.parameters(), x)
    storages = {one.untyped_storage()._cdata: one.untyped_storage().nbytes() for one in kept}
    assert len(storages) == len(kept)
    assert sum(storages.values()) == wanted


def test_casts_of_what_a_region_takes_are_made_again_and_never_kept() -> None:
    torch.manual_seed(0)
    net, x = Wrapped(lambda up, down, x: down(functional.gelu(up(x))), UP(), DOWN()), sample()
    params = [*net.parameters()]
    joint = trace(net, Sample(params, [x], torch.bfloat16))
    found = paired(joint, [True] * (len(params) + 1), [None], Regions())
    _, *kept = found.front(*params, x)
    assert [one.dtype for one in kept] == [torch.bfloat16] * 2
    assert sum(one.untyped_storage().nbytes() for one in kept) == 2 * 4 * STREAM // 2


def test_state_is_decoded_within_both_regions() -> None:
    torch.manual_seed(0)
    net, bits = KEPT["mlp"][0](), 20
    raw = lattice.encode(torch.randn(B, T, D), bits, 32)
    x = lattice.decode(raw, bits, torch.float32).requires_grad_()
    found = regions_of(net, x, (bits, torch.float32))
    params = [*net.parameters()]
    out, *kept = found.front(*params, raw)
    assert torch.equal(out, net(x))
    given = [*params, raw]
    assert any(given[index] is raw for index in found.direct)
    cotangent = torch.randn(B, T, D)
    assert found.back is not None
    grads = found.back(*(given[index] for index in found.direct), *kept, cotangent)
    for one, want in zip(grads, torch.autograd.grad(net(x), [*params, x], cotangent), strict=True):
        torch.testing.assert_close(one, want)


class Scaled(nn.Module):
    """An affine map, times a number."""

    def __init__(self, width: int = D, scale: float = 1.0, bias: bool = True) -> None:
        super().__init__()
        self.affine, self.scale = nn.Linear(D, width, bias), scale

    def forward(self, x: Tensor) -> Tensor:
        return self.affine(x) * self.scale


def test_nets_share_their_regions_where_and_only_where_they_compute_the_same() -> None:
    regions = Regions()

    def fronts(net: nn.Module, x: Tensor) -> tuple[object, object]:
        joint = trace(net, Sample([*net.parameters()], [x], None))
        wants = [v.requires_grad for v in (*net.parameters(), x)]
        found = paired(joint, wants, [None], regions)
        return found.front, found.back

    one = fronts(Scaled(), sample())
    assert fronts(Scaled(), sample()) == one
    others = [
        (Scaled(scale=0.5), sample()),
        (Scaled(width=4), sample()),
        (Scaled(bias=False), sample()),
        (Scaled(), torch.randn(B, T + 1, D, requires_grad=True)),
        (Scaled(), torch.randn(B, D, T, requires_grad=True).transpose(1, 2)),
        (Scaled().double(), sample().detach().double().requires_grad_()),
    ]
    found = [one, *(fronts(*other) for other in others)]
    assert len({front for front, _ in found}) == len({back for _, back in found}) == len(found)
