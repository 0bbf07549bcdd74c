"""Integer nets give the same integers at any batch size, and snapped float nets need not."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from revc.runtime.bits import BitStack
from revc.runtime.bits.errors import ParameterError
from revc.runtime.bits.portable import (
    EXACT,
    IntegerLinear,
    IntegerNet,
    categorical,
    exact_matmul,
    grid_scale,
    logistic,
    mixture,
    round_shift,
)
from revc.runtime.bits.tables import scale_value
from tests.bits.laws import FEW


def net(inputs: int, outputs: int, seed: int = 0) -> tuple[nn.Sequential, IntegerNet, Tensor]:
    torch.manual_seed(seed)
    module = nn.Sequential(nn.Linear(inputs, 64), nn.ReLU(), nn.Linear(64, 48), nn.ReLU(),
                           nn.Linear(48, outputs))  # fmt: skip
    sample = torch.randn(512, inputs)
    return module, IntegerNet.from_float(module, sample), sample


@FEW
@given(st.integers(1, 3000), st.integers(0, 1 << 30))
def test_products_are_exact(width: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    x = random.integers(-127, 128, (5, width))
    w = random.integers(-127, 128, (4, width))
    x[0], w[0] = 127, 127
    got = exact_matmul(torch.from_numpy(x), torch.from_numpy(w))
    assert np.array_equal(got.numpy(), x @ w.T)


def test_the_longest_exact_sum_is_as_long_as_can_be() -> None:
    assert EXACT * 127 * 127 <= 1 << 24 < (EXACT + 1) * 127 * 127


@pytest.mark.parametrize("bits", [-3, 0, 1, 5])
def test_round_shift(bits: int) -> None:
    values = torch.arange(-100, 100)
    want = torch.floor(values.double() / 2.0**bits + 0.5).long()
    assert torch.equal(round_shift(values, bits), want)


def test_any_batch_size_and_order_give_the_same_bits() -> None:
    _, integer, sample = net(40, 30)
    x = integer.inputs(sample)
    whole = integer(x)
    assert torch.equal(whole, torch.cat([integer(x[i : i + 1]) for i in range(len(x))]))
    order = torch.randperm(len(x))
    assert torch.equal(whole[order], integer(x[order]))
    oracle = x.numpy().astype(np.int64)
    for layer, after in zip(integer.layers, [*integer.layers[1:], None], strict=True):
        sums = oracle @ layer.weight.numpy().astype(np.int64).T + layer.bias.numpy()
        down = layer.x_bits + layer.w_bits - (after.x_bits if after else 16)
        sums = (sums + (1 << (down - 1))) >> down if down > 0 else sums << -down
        oracle = sums if after is None else sums.clip(0, 127)
    assert np.array_equal(whole.numpy(), oracle)


def test_the_integer_net_is_near_the_float_net() -> None:
    module, integer, sample = net(40, 30)
    got = integer(integer.inputs(sample)).double() / 65536
    want = module(sample).double().detach()
    assert float((got - want).abs().mean()) < 0.1 * float(want.abs().mean())


def test_scales_land_on_the_grid() -> None:
    log2 = torch.linspace(-3, 26, 500, dtype=torch.float64)
    number = grid_scale(torch.round(log2 * 65536).long())
    found = torch.log2(torch.tensor([scale_value(int(j)) for j in number], dtype=torch.float64))
    assert float((found - log2.clamp(min=-1)).abs().max()) <= 1 / 18 + 1e-4


def test_encode_at_one_batch_size_decode_at_another() -> None:
    _, integer, sample = net(40, 9)
    x = integer.inputs(sample[:64])
    out = integer(x).reshape(64, 3, 3)
    symbols = torch.randint(-9, 9, (64, 3))
    classes = torch.randint(0, 3, (64, 3))
    stack = BitStack(64, 1)
    before = stack.digest()
    stack.push(symbols, logistic(out[..., 0] * 9, out[..., 1]))
    stack.push(symbols, mixture(out, out * 9, out))
    stack.push(classes, categorical(out))
    one = torch.cat([integer(x[i : i + 1]) for i in range(64)]).reshape(64, 3, 3)
    for made in (logistic(one[..., 0], one[..., 1]), mixture(one, one, one), categorical(one)):
        assert made.level == "portable"
    assert torch.equal(stack.pop(categorical(one)).long(), classes)
    assert torch.equal(stack.pop(mixture(one, one * 9, one)).long(), symbols)
    assert torch.equal(stack.pop(logistic(one[..., 0] * 9, one[..., 1])).long(), symbols)
    assert stack.digest() == before


def test_digests_follow_the_weights() -> None:
    _, one, _ = net(8, 4)
    _, two, _ = net(8, 4)
    _, other, _ = net(8, 4, seed=1)
    assert one.digest() == two.digest() != other.digest()


@pytest.mark.parametrize(
    "layer",
    [
        (torch.zeros(2, 2), torch.zeros(2, dtype=torch.int64)),
        (torch.zeros(2, 2, dtype=torch.int8), torch.zeros(2)),
        (torch.full((2, 2), -128, dtype=torch.int8), torch.zeros(2, dtype=torch.int64)),
        (torch.zeros(2, 2, dtype=torch.int8), torch.full((2,), 1 << 50)),
    ],
)
def test_refused_layers(layer: tuple[Tensor, Tensor]) -> None:
    with pytest.raises(ParameterError):
        IntegerNet([IntegerLinear(*layer, 0, 0)])


def test_other_refusals() -> None:
    with pytest.raises(ParameterError, match="at least one layer"):
        IntegerNet([])
    with pytest.raises(ParameterError, match="Tanh"):
        IntegerNet.from_float(nn.Sequential(nn.Linear(2, 2), nn.Tanh()), torch.ones(1, 2))
    with pytest.raises(ParameterError, match="reads integers"):
        net(4, 2)[1](torch.ones(1, 4))
