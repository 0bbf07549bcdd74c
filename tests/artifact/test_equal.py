"""An artifact and the model that `revc.compile` makes are the same, bit for bit."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_model, save_model
from torch import nn

import revc
from revc.errors import BindError
from tests.artifact.compare import TOKENS, assert_same, everything
from tests.artifact.conftest import Write
from tests.metered.test_programs import SPECS as METERED
from tests.model import specs
from tests.model.laws import randomize
from tests.model.test_laws import BODIES, PAIR

STREAMS = {"a": (3, 5, 8), "b": (3, 5, 8)}


SMALL = {
    "irevnet": {"c": 2, "H": 4, "W": 4},
    "transformer": {"d": 8},
}


def streams() -> dict[str, torch.Tensor]:
    torch.manual_seed(1)
    return {name: torch.randn(shape) for name, shape in STREAMS.items()}


def pair(write: Write, source: str, nets=None, **options):
    """Return the compiled model and the artifact's, with the same weights."""
    torch.manual_seed(0)
    model = revc.compile(source, nets=nets() if nets else None, **options)
    randomize(model)
    torch.manual_seed(0)
    loaded = write(source, **options).load(nets() if nets else None)
    assert list(loaded.state_dict()) == list(model.state_dict())
    model.bits.seed = loaded.bits.seed = 0
    loaded.load_state_dict(model.state_dict())
    return model, loaded


@pytest.mark.parametrize("index", range(len(BODIES)), ids=list(BODIES))
def test_every_statement(write: Write, index: int) -> None:
    body = list(BODIES.values())[index]
    source = specs.HEAD + PAIR.format(body)
    model, loaded = pair(write, source, chunks=1 + index % 2)
    assert_same(everything(model, streams()), everything(loaded, streams()))


@pytest.mark.parametrize("name", METERED)
def test_every_metered_statement(write: Write, name: str) -> None:
    model, loaded = pair(write, METERED[name])
    assert loaded.interface.plan == model.interface.plan
    streams_now = {key: value * 0.3 for key, value in streams().items()}
    assert_same(everything(model, streams_now), everything(loaded, streams_now))
    if not model.interface.plan:
        return
    mine, theirs = model(**streams_now), loaded(**streams_now)
    assert mine.ledger.to_json() == theirs.ledger.to_json()
    for one, other in zip(mine.written.values(), theirs.written.values(), strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("chunks", [1, 3])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_language_model(write: Write, chunks: int, dtype: torch.dtype) -> None:
    model, loaded = pair(write, specs.LANGUAGE, chunks=chunks)
    model.to(dtype), loaded.to(dtype)
    assert_same(everything(model, TOKENS), everything(loaded, TOKENS))


@pytest.mark.parametrize("spec", SMALL)
def test_families(write: Write, spec: str) -> None:
    source = str(Path(__file__).parents[2] / "specs" / f"{spec}.rev")
    model, loaded = pair(write, source, dims=SMALL[spec])
    torch.manual_seed(2)
    shapes = {"image": (2, 3, 4, 4), "a": (2, 3, 8), "b": (2, 3, 8)}
    inputs = {name: torch.randn(shapes[name]) for name in model.interface.order}
    assert_same(everything(model, inputs), everything(loaded, inputs))


def test_fresh_parameters_start_alike(write: Write) -> None:
    torch.manual_seed(3)
    model = revc.compile(specs.LANGUAGE)
    torch.manual_seed(3)
    loaded = write(specs.LANGUAGE).load()
    assert_same(list(model.state_dict().values()), list(loaded.state_dict().values()))


def test_frozen_parameters_and_givens_without_gradient(write: Write) -> None:
    source = specs.HEAD + (
        "model Net(a: [B, T, d], given u: float32[B, T, d]) -> (a: [B, T, d]) {\n"
        "  a += linear(u)\n  a += mlp(u, width = 4)\n}"
    )
    model, loaded = pair(write, source)
    a, u = torch.randn(2, 3, 8), torch.randn(2, 3, 8)
    grads = []
    for one in (model, loaded):
        one.nets.linear_0.weight.requires_grad_(False)
        one(a, u).a.sum().backward()
        assert one.nets.linear_0.weight.grad is None
        grads.append([p.grad for p in one.parameters() if p.grad is not None])
    assert len(grads[0]) == 5
    assert_same(*grads)


class Twice(nn.Module):
    """A user's block."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.LSTM(8, 8, batch_first=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return 2 * self.inner(x)[0]


@pytest.mark.parametrize("nets", [lambda: {"F": Twice}, lambda: {"F": [Twice(), Twice()]}])
def test_nets_bound_from_python(write: Write, nets) -> None:
    model, loaded = pair(write, specs.HOLE, nets=nets)
    assert_same(everything(model, streams()), everything(loaded, streams()))


def test_nets_imported_by_name(write: Write) -> None:
    source = specs.HEAD + PAIR.format(
        'net F(x: [B, T, d]) -> [B, T, d] = torch "torch.nn:Linear"(8, 8, bias = false)\n'
        "a += F(b)\nb += F(a)"
    )
    model, loaded = pair(write, source)
    assert isinstance(loaded.nets.F, nn.Linear)
    assert_same(everything(model, streams()), everything(loaded, streams()))


@pytest.mark.parametrize(
    ("nets", "message"),
    [
        (None, "net F has no body"),
        ({"F": [Twice()]}, "more instances than the 1 modules"),
        ({"F": [Twice() for _ in range(3)]}, "has 2 instances, 3 modules"),
        ({"F": Twice, "G": Twice}, "no net G to bind"),
        ({"F": lambda: 3}, "gave a int, not a module"),
        ({"F": lambda: nn.BatchNorm1d(5)}, "running statistics"),
    ],
)
def test_nets_that_do_not_fit(write: Write, nets, message: str) -> None:
    with pytest.raises(BindError, match=message):
        write(specs.HOLE).load(nets)


def test_weights_travel_as_safetensors(write: Write, tmp_path: Path) -> None:
    model, loaded = pair(write, specs.LAYERS)
    randomize(model, scale=0.7)
    file = str(tmp_path / "weights.safetensors")
    save_model(model, file)
    load_model(loaded, file)
    assert_same(everything(model, streams()), everything(loaded, streams()))
    back = revc.compile(specs.LAYERS)
    save_model(loaded, file)
    load_model(back, file)
    assert_same(everything(model, streams()), everything(back, streams()))


def test_training_both_keeps_them_equal(write: Write) -> None:
    found = []
    for model in pair(write, specs.LANGUAGE):
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        losses = []
        for _ in range(4):
            loss = model(**TOKENS).loss
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.detach())
        assert losses[-1] < losses[0]
        found.append(losses + [p.detach() for p in model.parameters()])
    assert_same(*found)
