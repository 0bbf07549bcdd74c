"""Tempered distributions: the entropy asked for, nothing at all for alpha 0, exact both ways."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from revc.runtime.bits import BitStack, Mode
from revc.runtime.bits.constants import LENGTH_UNIT, UNIT
from revc.runtime.bits.dist import (
    Gaussian,
    Logistic,
    Mixture,
)
from revc.runtime.bits.dist.tempered import tempered
from revc.runtime.bits.errors import SymbolError
from revc.runtime.bits.window import inner
from tests.bits.laws import FEW
from tests.bits.tempered_models import ALL, ALPHA, MODELS, B, E, per_sequence, shape_of
from tests.bits.test_roundtrip import LANES, MODES, SEEDS, SLACK


@ALL
@pytest.mark.parametrize("seed", [1, 2])
def test_entropy_is_the_share_asked_for(name: str, seed: int) -> None:
    model = MODELS[name](seed)
    shape = shape_of(model)
    found = per_sequence(tempered(model, ALPHA).entropy_bits(), shape)
    wanted = ALPHA.double() * per_sequence(model.entropy_bits(), shape)
    assert found.dtype == torch.float64
    error = (found - wanted).abs()
    assert bool(((error <= 0.008) | (error <= 0.01 * wanted)).all()), error
    assert float(found[0]) == 0.0


@pytest.mark.parametrize("name", sorted({*MODELS} - {"softmax, three digits"}))
def test_drawn_bits_are_the_entropy(name: str) -> None:
    model = MODELS[name](3)
    shape = shape_of(model)
    chosen = tempered(model, ALPHA)
    entropy = per_sequence(chosen.entropy_bits(), shape)
    lengths = torch.zeros(200 if shape[1] == E else 40, B, dtype=torch.float64)
    stack = BitStack(B, seed=4)
    for turn in range(lengths.shape[0]):
        drawn = stack.pop(chosen, shape)
        lengths[turn] = chosen.shannon(drawn).double() / UNIT / drawn[0].numel()
    error = (lengths.mean(0) - entropy).abs()
    deviation = lengths.std(0) / lengths.shape[0] ** 0.5
    assert bool((error <= 5 * deviation + 1e-4).all()), (error, deviation)


@ALL
@pytest.mark.parametrize("mode", list(Mode))
def test_what_is_drawn_goes_back(name: str, mode: Mode) -> None:
    model = MODELS[name](5)
    shape = shape_of(model)
    stack, chosen = BitStack(B, 5, seed=6, mode=mode), tempered(model, ALPHA)
    before, size = stack.digest(), stack.size()
    drawn = stack.pop(chosen, shape)
    taken = (size - stack.size()).double() / UNIT
    booked = chosen.shannon(drawn).double() / UNIT
    slack = 3 * SLACK[mode] * drawn[0].numel()
    assert bool(((taken - booked).abs() <= slack).all())
    assert bool(chosen.inside(drawn).all())
    assert torch.equal(chosen.clip(drawn), drawn)
    assert bool(model.inside(drawn).all())
    stack.push(drawn, tempered(model, ALPHA))
    assert stack.digest() == before


@FEW
@given(MODES, SEEDS, LANES, st.sampled_from(sorted(MODELS)), st.floats(0, 1))
def test_any_symbols_that_are_inside(
    mode: Mode, seed: int, lanes: int, name: str, alpha: float
) -> None:
    model = MODELS[name](seed % 1000)
    stack = BitStack(B, lanes, seed, mode=mode)
    chosen = tempered(model, torch.full((B,), alpha))
    random = torch.Generator().manual_seed(seed)
    anything = torch.randint(-(1 << 31), 1 << 31, shape_of(model), generator=random)
    symbols = chosen.clip(anything >> 20)
    before = stack.digest()
    stack.push(symbols, chosen)
    assert torch.equal(stack.pop(chosen, symbols.shape).long(), symbols.long())
    assert stack.digest() == before


@ALL
def test_nothing_moves_for_alpha_zero(name: str) -> None:
    model = MODELS[name](7)
    shape = shape_of(model)
    stack, chosen = BitStack(B, 3), tempered(model, torch.zeros(B))
    before = stack.digest()
    mode = stack.pop(chosen, shape)
    assert stack.digest() == before
    stack.push(mode, chosen)
    assert stack.digest() == before
    assert not bool(chosen.exact_length(mode).any())
    other = mode.long() + 1
    assert not bool(chosen.inside(other).any())
    assert torch.equal(chosen.clip(other), mode.long())
    with pytest.raises(SymbolError, match="inside the windows"):
        stack.push(other, chosen)
    assert stack.digest() == before
    if isinstance(model, Logistic | Gaussian):
        loc = inner(model.family, *model.snapped(None))
        assert int(((mode.long() << 8) - loc).abs().max()) <= 128
        return
    best = model.exact_length(mode)
    for offset in (-3, -1, 1, 3):
        assert bool((best <= model.exact_length(model.clip(mode.long() + offset))).all())


@ALL
def test_symbols_outside_are_refused(name: str) -> None:
    model = MODELS[name](8)
    stack, chosen = BitStack(B, 3, check="later"), tempered(model, ALPHA)
    far = torch.full(shape_of(model), (1 << 31) - 1)
    stack.push(far, chosen)
    assert torch.equal(stack.pop(chosen, far.shape).long(), chosen.clip(far))
    with pytest.raises(SymbolError, match="inside the windows"):
        stack.verify()


@pytest.mark.parametrize("name", ["logistic", "gaussian, on ties", "mixture", "softmax", "table"])
def test_probabilities_sum_to_one(name: str) -> None:
    model = MODELS[name](9)
    chosen = tempered(model, ALPHA)
    shape = shape_of(model)
    centre = BitStack(B).pop(tempered(model, 0.0), shape).long()
    total = torch.zeros(shape, dtype=torch.float64)
    entropy = torch.zeros(shape, dtype=torch.float64)
    reach = 300 if isinstance(model, Logistic | Gaussian | Mixture) else 60
    for offset in range(-reach, reach):
        symbols = centre + offset
        bits = chosen.exact_length(symbols).double() / LENGTH_UNIT
        p = torch.where(chosen.inside(symbols), torch.exp2(-bits), 0.0)
        total, entropy = total + p, entropy + p * bits
    assert torch.allclose(total, torch.ones_like(total), rtol=0, atol=1e-8)
    found = per_sequence(chosen.entropy_bits(), shape)
    assert torch.allclose(per_sequence(entropy, shape), found, rtol=0, atol=1e-6)
