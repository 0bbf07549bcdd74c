"""How rows are tempered: the same in every way, frozen, and only by a usable alpha."""

from collections.abc import Callable

import pytest
import torch

from revc.runtime.bits import BitStack
from revc.runtime.bits.constants import LENGTH_UNIT
from revc.runtime.bits.dist import (
    Categorical,
    FloatBits,
    Logistic,
    Mixture,
    Table,
    Uniform,
    WideUniform,
)
from revc.runtime.bits.dist.tempered import tempered
from revc.runtime.bits.dist.throttle import ONE
from revc.runtime.bits.errors import ParameterError
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
from tests.bits.tempered_models import (
    MODELS,
    B,
    E,
    shape_of,
)


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
