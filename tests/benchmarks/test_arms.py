"""The arms train the same network: outputs and gradients agree; the counters count."""

import importlib.util

import pytest
import torch
from torch import Tensor

from benchmarks.arms import BASELINES
from benchmarks.flops import FlopCounter
from benchmarks.nets import Layer, Size, layers, streams
from benchmarks.oracle import decode, encode, replay, trajectory
from benchmarks.peers import PEERS

SIZE = Size(layers=3, batch=2, time=8, width=16, heads=2)
MODULES = {
    "revtorch": "revtorch",
    "memcnn": "memcnn",
    "revlib": "revlib",
    "reformer-pytorch": "reformer_pytorch",
}


def by_hand(stack: list[Layer], a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    for layer in stack:
        a = a + layer.f(b)
        b = b + layer.g(a)
    return a, b


def gradients(stack: list[Layer], a: Tensor, b: Tensor) -> list[Tensor]:
    (a.sin().sum() + b.cos().sum()).backward()
    found = [w.grad for layer in stack for w in layer.parameters()]
    return [g for g in found if g is not None]


@pytest.mark.parametrize("name", BASELINES)
def test_baselines_agree_with_the_formula(name: str) -> None:
    ours, theirs = layers(SIZE), layers(SIZE)
    a, b = BASELINES[name](ours)(*streams(SIZE))
    a0, b0 = by_hand(theirs, *streams(SIZE))
    assert torch.equal(a, a0)
    assert torch.equal(b, b0)
    pairs = zip(gradients(ours, a, b), gradients(theirs, a0, b0), strict=True)
    assert all(torch.allclose(x, y) for x, y in pairs)


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::FutureWarning")  # the peers' own
@pytest.mark.parametrize("name", PEERS)
def test_peers_agree_with_the_formula(name: str) -> None:
    if importlib.util.find_spec(MODULES[name]) is None:
        pytest.skip(f"{name} is not installed; `make peers` installs it")
    ours, theirs = layers(SIZE), layers(SIZE)
    joined = torch.cat(streams(SIZE), 2).requires_grad_()
    a, b = PEERS[name](ours)(joined).chunk(2, 2)
    a0, b0 = by_hand(theirs, *streams(SIZE))
    assert torch.equal(a, a0)
    assert torch.equal(b, b0)
    pairs = zip(gradients(ours, a, b), gradients(theirs, a0, b0), strict=True)
    assert all(torch.allclose(x, y, atol=1e-5) for x, y in pairs)


def test_scaled_layers_are_the_same_layers_scaled() -> None:
    one, four = layers(SIZE), layers(SIZE, scale=4.0)
    assert torch.equal(four[2].g.up.weight, 4 * one[2].g.up.weight)


def test_streams_lie_on_the_lattice() -> None:
    a, b = streams(SIZE)
    assert torch.equal(decode(encode(a), torch.float32), a)
    assert not torch.equal(a, b)


def test_the_lattice_forward_is_reversible_and_close_to_the_plain_one() -> None:
    stack = layers(SIZE)
    a, b = streams(SIZE)
    states = trajectory(stack, a, b)
    plain = by_hand(stack, a, b)
    assert len(states) == 2 + 2 * SIZE.layers
    for raw, value in zip(states[-2:], plain, strict=True):
        assert (decode(raw, torch.float32) - value).abs().max() < 1e-4
    older, newer = states[-2], states[-1]
    for layer in reversed(stack):
        newer = newer - encode(layer.g(decode(older, torch.float32)).detach())
        older = older - encode(layer.f(decode(newer, torch.float32)).detach())
    assert torch.equal(older, states[0])
    assert torch.equal(newer, states[1])


def test_the_replay_has_the_prescribed_values_and_plain_gradients() -> None:
    ours, theirs = layers(SIZE), layers(SIZE)
    a, b = streams(SIZE)
    states = trajectory(ours, a, b)
    out = replay(ours, states, a, b)
    assert torch.equal(encode(out[0]), states[-2])
    assert torch.equal(encode(out[1]), states[-1])
    plain = by_hand(theirs, a, b)
    pairs = zip(gradients(ours, *out), gradients(theirs, *plain), strict=True)
    assert all(torch.allclose(x, y, rtol=1e-3, atol=1e-3) for x, y in pairs)


def test_rounding_goes_to_the_even_neighbour_and_stops_at_the_ends() -> None:
    halves = torch.tensor([0.5, 1.5, -0.5, 2.5, 1e9, -1e9]) * torch.tensor(2.0**-20)
    far = torch.tensor([1e9, -1e9])
    assert encode(halves[:4]).tolist() == [0, 2, 0, 2]
    assert encode(far).tolist() == [2**31 - 128, -(2**31)]


def test_flops_of_a_product_and_its_backward() -> None:
    weight = torch.randn(5, 7, requires_grad=True)
    x = torch.randn(3, 5, requires_grad=True)
    with FlopCounter() as counter:
        (x @ weight).sum().backward()
    assert counter.total == 3 * 2 * 3 * 5 * 7


def test_flops_of_attention_count_both_products_on_the_cpu() -> None:
    q = torch.randn(2, 3, 16, 8, requires_grad=True)
    with FlopCounter() as counter:
        out = torch.nn.functional.scaled_dot_product_attention(q, q, q)
    assert counter.total == 2 * (2 * 2 * 3 * 16 * 16 * 8)
    with FlopCounter() as counter:
        out.sum().backward()
    assert counter.total == 5 * (2 * 2 * 3 * 16 * 16 * 8)
