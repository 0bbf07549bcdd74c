"""Tempered distributions: the entropy asked for, nothing at all for alpha 0, exact both ways."""

from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from revc.runtime.bits import BitStack, Mode
from revc.runtime.bits.constants import LENGTH_UNIT, UNIT
from revc.runtime.bits.dist import (
    Categorical,
    Distribution,
    FloatBits,
    Gaussian,
    Logistic,
    Mixture,
    Table,
    Uniform,
    WideUniform,
)
from revc.runtime.bits.dist.tempered import tempered
from revc.runtime.bits.dist.throttle import ONE
from revc.runtime.bits.errors import ParameterError, SymbolError
from revc.runtime.bits.narrow import (
    LEVEL,
    cells_anywhere,
    cells_on_cpu,
    uniform_rows,
    window_rows,
)
from revc.runtime.bits.sparse import frequency
from revc.runtime.bits.tables import digest
from revc.runtime.bits.tempering import energies, heat, heated, temper_anywhere, temper_on_cpu
from revc.runtime.bits.window import inner
from tests.bits.laws import FEW
from tests.bits.test_roundtrip import LANES, MODES, SEEDS, SLACK

B, E = 6, 40
ALPHA = torch.tensor([0.0, 0.03, 0.25, 0.6, 0.95, 1.0])


def reals(shape: tuple[int, ...], seed: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def mixture(seed: int, width: float, family: str) -> Mixture:
    parts = (B, E, 3)
    scale = torch.exp(reals(parts, seed + 1)) * width
    loc = reals(parts, seed) * width * 3
    return Mixture(reals(parts, seed + 2) * 2, loc, scale, 1.0, family)


def window(kind: type[Logistic] | type[Gaussian], seed: int, width: float) -> Distribution:
    loc = reals((B, E), seed) * width * 20
    return kind(loc, torch.exp(reals((B, E), seed + 1)) * width)


def bases(seed: int, high: int) -> Tensor:
    random = torch.Generator().manual_seed(seed)
    return torch.randint(1, high + 1, (B, E), generator=random)


MODELS: dict[str, Callable[[int], Distribution]] = {
    "logistic": lambda s: window(Logistic, s, 1.5),
    "gaussian": lambda s: window(Gaussian, s, 2.0),
    "logistic, narrow": lambda s: window(Logistic, s, 0.01),
    "gaussian, on ties": lambda s: Gaussian(torch.full((B, E), 0.5), torch.full((B, E), 0.5)),
    "logistic, wide": lambda s: window(Logistic, s, 3e3),
    "gaussian, widest": lambda s: window(Gaussian, s, 3e7),
    "mixture": lambda s: mixture(s, 1.0, "logistic"),
    "mixture, wide": lambda s: mixture(s, 2e3, "gaussian"),
    "softmax": lambda s: Categorical(reals((B, E, 40), s) * 2),
    "softmax, flat": lambda s: Categorical(torch.zeros(B, E, 256)),
    "softmax, digits": lambda s: Categorical(reals((B, 4, 1500), s) * 2),
    "softmax, three digits": lambda s: Categorical(reals((B, 1, 66_000), s)),
    "uniform": lambda s: Uniform(1000),
    "uniform, small": lambda s: Uniform(3),
    "uniform, large": lambda s: Uniform((1 << 31) - 5),
    "uniforms": lambda s: Uniform(bases(s, 1 << 16)),
    "uniforms, small": lambda s: Uniform(bases(s, 70)),
    "wide": lambda s: WideUniform(bases(s, 1 << 32)),
    "table": lambda s: Table.from_counts(torch.arange(60) ** 2),
    "table, flat": lambda s: Table.from_counts(torch.ones(256, dtype=torch.int64), torch.uint8),
    "table, large": lambda s: Table.from_counts(torch.ones(20_000, dtype=torch.int64)),
}
ALL = pytest.mark.parametrize("name", sorted(MODELS))


def shape_of(model: Distribution) -> tuple[int, ...]:
    return tuple(model.shape or (B, E))


def per_sequence(bits: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Mean of [B, ..], [B] or [] over all but the sequences."""
    if bits.shape != shape:
        return bits.expand(B)
    return bits.flatten(1).mean(1)


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


def test_one_number_for_all() -> None:
    for name, make in MODELS.items():
        model = make(1)
        shape = shape_of(model)
        one, each = BitStack(B), BitStack(B)
        found = one.pop(tempered(model, 0.5), shape)
        assert torch.equal(found, each.pop(tempered(model, torch.full((B,), 0.5)), shape)), name
        assert one.digest() == each.digest()
        assert tempered(model, 0.5).entropy_bits().shape in (shape, ())


def test_one_is_the_distribution_itself() -> None:
    logistic = Logistic(torch.zeros(B, E), torch.ones(B, E))
    whole = tempered(logistic, 1.0)
    assert isinstance(whole, Logistic)
    assert whole.bounded
    assert not logistic.bounded
    table = Table.from_counts(torch.arange(5))
    assert tempered(table, 1) is table
    for name in ("mixture", "softmax", "softmax, digits", "table", "uniforms"):
        model = MODELS[name](2)
        if isinstance(model, Mixture):
            model.bounded = True
        symbols = BitStack(B).pop(model, shape_of(model))
        own = tempered(model, torch.ones(B)).exact_length(symbols)
        assert torch.equal(own, model.exact_length(symbols)), name


def test_portable_parameters_stay_portable() -> None:
    loc, scale = torch.arange(12).reshape(2, 6), torch.full((2, 6), 9, dtype=torch.uint8)
    assert tempered(Logistic.from_grid(loc, scale), torch.rand(2)).level == "portable"
    assert tempered(Categorical(torch.zeros(2, 6, 3)), torch.rand(2)).level == "repeatable"
    weights = torch.arange(1, 10).expand(2, 9)
    assert tempered(Categorical.from_weights(weights), torch.rand(2)).level == "portable"


@pytest.mark.parametrize("count", [1, 2, 3, 64, 257, 1000, 70_000])
def test_both_ways_of_tempering_agree(count: int) -> None:
    rows = 300 if count < 2000 else 3
    random = torch.Generator().manual_seed(count)
    shift = torch.randint(0, 30, (rows, count), generator=random)
    weights = torch.randint(0, 1 << 30, (rows, count), generator=random) >> shift
    weights[:, 0] += 1
    weights[1] = 1 << (20 + 16 * (count < 1000))
    own = heat(*heated(*energies(weights), torch.zeros(rows, 1, dtype=torch.int64)))[:, 0]
    target = (own.double() * torch.linspace(0, 1, rows)).long()
    fast, plain = temper_on_cpu(weights, target), temper_anywhere(weights, target)
    assert torch.equal(fast, plain)
    p = plain.double() / plain.sum(-1, keepdim=True).double()
    found = -torch.xlogy(p, p).sum(-1) / torch.log(torch.tensor(2.0).double())
    assert float((found - target.double() / LENGTH_UNIT).abs().max()) < 0.01


@pytest.mark.parametrize("family", ["logistic", "gaussian"])
@pytest.mark.parametrize("shape", [(), (5,), (5, 400), (5, 8, 50), (0, 3), (3, 0)])
def test_both_ways_of_placing_cells_agree(family: str, shape: tuple[int, ...]) -> None:
    random = torch.Generator().manual_seed(len(shape))
    reach = torch.randint(0, 40, shape, generator=random)
    loc = torch.randint(-(1 << 39), 1 << 39, shape, generator=random) >> reach
    scale = torch.randint(0, 256, shape, generator=random).to(torch.uint8)
    alpha = torch.randint(0, ONE + 1, shape[:1], generator=random)
    if shape and shape[0] > 1:
        alpha[:2] = torch.tensor([0, ONE])
    fast, plain = (way(family, loc, scale, alpha) for way in (cells_on_cpu, cells_anywhere))
    for ours, theirs in zip(fast, plain, strict=True):
        assert ours.dtype == theirs.dtype
        assert ours.shape == theirs.shape
        assert torch.equal(ours, theirs)


def test_frequencies_are_differences_of_a_row() -> None:
    cdf = torch.tensor([[0, 5, 5, 65536], [0, 0, 1, 65536]], dtype=torch.int32)
    symbols = torch.tensor([[-1, 0, 1, 2, 3], [-7, 0, 1, 2, 99]])
    row = torch.tensor([[0], [1]]).expand(2, 5)
    wanted = [[0, 5, 0, 65531, 0], [0, 0, 1, 65535, 0]]
    for dtype in (torch.int64, torch.int32, torch.int8):
        assert frequency(cdf, row, symbols.to(dtype)).tolist() == wanted


FROZEN = {
    "logistic": "ec918a18cd78ff6298a3901e5350e946dc5eaf5327a421bd79edf58038a06889",
    "gaussian": "3218bc9d9c5aa7fb6b97eaf1d0ae71e7df645a2107697b07c988a8641391b00f",
    "uniform": "1b9c17235e1b64814a4ed51ae41fe1ecd74cc742e28d48f2f250808c5d65f491",
}


@pytest.mark.parametrize("name", sorted(FROZEN))
def test_static_rows_are_frozen(name: str) -> None:
    """They decide tapes: a change is one of format."""
    cpu = torch.device("cpu")
    rows = uniform_rows(cpu) if name == "uniform" else window_rows(name, cpu)
    assert digest(rows.cdf.long().numpy()) == FROZEN[name]
    level = torch.arange(rows.cdf.shape[0]) // (1 if name == "uniform" else 8)
    error = (rows.entropy - (level << LEVEL)).double() / LENGTH_UNIT
    assert float(error.abs().max()) < 0.002
    assert bool((rows.cdf[:, -1] == 65536).all())


@pytest.mark.parametrize(
    "make",
    [
        lambda m: tempered(m, 1.5),
        lambda m: tempered(m, -0.1),
        lambda m: tempered(m, float("nan")),
        lambda m: tempered(m, torch.tensor([0.5, 2.0])),
        lambda m: tempered(m, torch.tensor([0.5, float("nan")])),
        lambda m: tempered(m, torch.tensor([1, 0])),
        lambda m: tempered(m, torch.rand(2, 6)),
        lambda m: tempered(FloatBits(torch.float16), 0.5),
        lambda m: BitStack(2).pop(tempered(m, torch.rand(3))),
        lambda m: BitStack(2).pop(tempered(m, torch.rand(2)), (2, 5)),
        lambda m: BitStack(2).push(torch.zeros(2, 5).int(), tempered(m, torch.rand(2))),
        lambda m: BitStack(2).pop(tempered(Logistic(m.loc / 0, m.scale), torch.rand(2))),
    ],
)
def test_unusable_alphas(make: Callable[[Logistic], object]) -> None:
    with pytest.raises(ParameterError):
        make(Logistic(torch.zeros(2, 6), torch.ones(2, 6)))


@pytest.mark.parametrize("shape", [(0,), (0, 5), (3, 0), (3,)])
def test_empty_and_flat_tensors(shape: tuple[int, ...]) -> None:
    stack, alpha = BitStack(shape[0]), torch.rand(shape[0])
    before = stack.digest()
    parts = (*shape, 2)
    models = [
        Logistic(torch.zeros(shape), torch.ones(shape)),
        Mixture(torch.zeros(parts), torch.zeros(parts), torch.ones(parts)),
        Categorical(torch.zeros(*shape, 300)),
        Uniform(torch.ones(shape, dtype=torch.int64) * 9),
        WideUniform(torch.ones(shape, dtype=torch.int64) * 99_999),
        Uniform(70_000),
        Table.from_counts(torch.arange(5)),
    ]
    for model in models:
        chosen = tempered(model, alpha)
        drawn = stack.pop(chosen, shape)
        assert drawn.shape == shape
        assert bool(chosen.inside(drawn).all())
        assert torch.equal(chosen.clip(drawn), drawn)
        assert chosen.exact_length(drawn).shape == shape
        assert chosen.code_length(drawn).shape == shape
        stack.push(drawn, chosen)
        assert stack.digest() == before
