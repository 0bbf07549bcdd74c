"""Bounded windows: no escape, so what is drawn lies inside and nothing else can be pushed."""

from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from revc.runtime.bits import BitStack, Mode
from revc.runtime.bits.dist import Distribution, Gaussian, Logistic, Mixture
from revc.runtime.bits.entropy import single_entropies
from revc.runtime.bits.errors import SymbolError
from revc.runtime.bits.tables import window_tensors
from revc.runtime.bits.window import boundaries_anywhere, boundaries_on_cpu, window_of
from tests.bits.laws import LAW
from tests.bits.test_reference import ROUTES, assert_same, pair
from tests.bits.test_roundtrip import LANES, LENGTHS, MODES, SEEDS, check

Model = Logistic | Gaussian | Mixture
KINDS: dict[str, Callable[..., Model]] = {
    "logistic": lambda w, loc, scale, **k: Logistic.from_grid(loc[..., 0], scale[..., 0], **k),
    "gaussian": lambda w, loc, scale, **k: Gaussian.from_grid(loc[..., 0], scale[..., 0], **k),
    "mixture": Mixture.from_grid,
}
ALL = pytest.mark.parametrize("kind", sorted(KINDS))


def grid(shape: tuple[int, ...], seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """(weight, loc, scale) of narrow and wide windows, some at the ends of int32."""
    random = torch.Generator().manual_seed(seed)
    loc = torch.randint(-(1 << 16), 1 << 16, shape, generator=random)
    loc[:, ::5] <<= 23
    scale = torch.randint(0, 256, shape, generator=random).to(torch.uint8)
    scale[:, ::2] //= 8
    weight = torch.full(shape, 65536 // shape[-1], dtype=torch.int32)
    weight[..., 0] += 65536 - weight.sum(-1)
    return weight, loc, scale


def parts(kind: str) -> int:
    return 3 if kind == "mixture" else 1


@LAW
@given(st.sampled_from(sorted(KINDS)), MODES, SEEDS, LANES, LENGTHS)
def test_what_is_pushed_comes_back(
    kind: str, mode: Mode, seed: int, lanes: int, length: int
) -> None:
    model = KINDS[kind](*grid((2, length, parts(kind)), seed), bounded=True)
    random = torch.Generator().manual_seed(seed)
    anything = torch.randint(-(1 << 31), 1 << 31, (2, length), generator=random)
    symbols = model.clip(anything)
    assert bool(model.inside(symbols).all())
    check(BitStack(2, lanes, seed, mode=mode), symbols, model)


@ROUTES
@ALL
def test_reference(mode: Mode, sequences: int, lanes: int, kind: str) -> None:
    stack, mirror = pair(mode, sequences, lanes)
    parameters = grid((sequences, 80, parts(kind)), 5)
    model = KINDS[kind](*parameters, bounded=True)
    family = "gaussian" if kind == "gaussian" else "logistic"
    drawn = stack.pop(model)
    if kind != "mixture":
        assert torch.equal(drawn.long(), mirror.pop_window(family, *parameters, bounded=True))
        mirror.push_window(family, drawn, *parameters, bounded=True)
    symbols = model.clip(torch.full_like(drawn, 7))
    stack.push(drawn, model)
    stack.push(symbols, model)
    mirror.push_window(family, symbols, *parameters, bounded=True)
    assert_same(stack, mirror)


@ALL
def test_draws_stay_inside(kind: str) -> None:
    """Of a million draws, some sixteen would be escapes."""
    shape = (4, 1 << 18, parts(kind))
    weight, loc, scale = (t.expand(shape) for t in grid((1, 1, parts(kind)), 1))
    drawn = BitStack(4, seed=2).pop(KINDS[kind](weight, loc * 0, scale * 0 + 9, bounded=True))
    assert int(drawn.abs().max()) < 20


@ALL
def test_probabilities_sum_to_one(kind: str) -> None:
    weight, loc, scale = grid((1, 60, parts(kind)), 3)
    window = window_of("gaussian" if kind == "gaussian" else "logistic", loc, scale)
    cell = torch.minimum(torch.arange(257), window.size[0, :, None] - 1)
    symbols = (window.origin[0, :, None] + cell) << window.fine[0, :, None]
    own = [p[0][:, None].expand(-1, 257, -1) for p in (weight, loc, scale)]
    bits = KINDS[kind](*own, bounded=True).exact_length(symbols).double() / 2.0**32
    p = torch.exp2(window.fine[0, :, None] - bits)
    first = torch.arange(257) < window.size[0, :, None]
    total = (p * first).sum(-1)
    assert torch.allclose(total, torch.ones_like(total), rtol=0, atol=1e-8)
    entropy = (p * bits * first).sum(-1)
    found = KINDS[kind](weight, loc, scale).entropy_bits()[0]
    tolerance = torch.where(window.fine[0] > 0, 2e-3, 1e-6)
    assert bool(((found - entropy).abs() < tolerance).all())


@ALL
def test_symbols_outside_are_refused_before_anything_moves(kind: str) -> None:
    model = KINDS[kind](*grid((2, 40, parts(kind)), 4), bounded=True)
    stack = BitStack(2, 4)
    good = stack.pop(model)
    before = stack.digest()
    for place in ((0, 0), (1, 39), (0, 17)):
        for value in (1 << 31) - 1, -(1 << 31):
            bad = good.clone()
            bad[place] = value
            if bool(model.inside(bad).all()):
                continue
            assert int((~model.inside(bad)).sum()) == 1
            with pytest.raises(SymbolError, match="inside the windows"):
                stack.push(bad, model)
            assert stack.digest() == before


@ALL
def test_later_the_nearest_symbol_is_coded(kind: str) -> None:
    model = KINDS[kind](*grid((2, 40, parts(kind)), 4), bounded=True)
    stack = BitStack(2, 4, check="later")
    symbols = torch.full((2, 40), 1 << 30)
    stack.push(symbols, model)
    assert torch.equal(stack.pop(model).long(), model.clip(symbols))
    with pytest.raises(SymbolError, match="inside the windows"):
        stack.verify()


def test_ends_are_the_windows_own() -> None:
    loc, scale = torch.zeros(1, 3), torch.tensor([[0.5, 1.0, 100.0]])
    model: Distribution = Logistic(loc, scale, bounded=True)
    low, high = (model.clip(torch.full((1, 3), v)) for v in (-9999, 9999))
    assert low[0, :2].tolist() == [-6, -12]
    assert high[0, :2].tolist() == [7, 13]
    assert not model.inside(torch.stack([low - 1, high + 1], 1)[:, 0]).any()
    wide = Logistic(loc, scale)
    assert bool(wide.inside(low - 9999).all())
    assert torch.equal(wide.clip(low - 9999), low - 9999)


@pytest.mark.parametrize("family", ["logistic", "gaussian"])
@pytest.mark.parametrize("bounded", [True, False])
def test_boundaries_of_both_ways(family: str, bounded: bool) -> None:
    for components in (1, 3):
        parameters = grid((2, 50, components), 8)
        fast = boundaries_on_cpu(family, *parameters, bounded)
        assert torch.equal(fast, boundaries_anywhere(family, *parameters, bounded))


@pytest.mark.parametrize("family", ["logistic", "gaussian"])
def test_the_place_of_a_location_does_not_matter_in_wide_windows(family: str) -> None:
    table = single_entropies(family, torch.device("cpu")).double() / 2.0**32
    narrow = int((window_tensors(family, torch.device("cpu"))[4] == 0).sum())
    assert float((table[narrow:].amax(1) - table[narrow:].amin(1)).max()) == 0
    edge = table[narrow - 1]
    assert float(edge.max() - edge.min()) < 1e-3
    assert abs(float(table[narrow].mean() - edge.mean()) - 1 / 9) < 0.03
