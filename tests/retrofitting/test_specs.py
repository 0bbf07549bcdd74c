"""What `retrofit` writes, and what it refuses."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

import revc
from revc.grammar.format import format_source
from revc.passes.lint import lint
from revc.retrofitting.calibration import lattice_for
from revc.retrofitting.forms.momentum import Momentum
from tests.conftest import Golden
from tests.retrofitting.shapes import Model, made


@pytest.mark.parametrize("form", ["momentum", "coarse"])
@pytest.mark.parametrize("kind", ["llama", "bert"])
def test_specs_read_well(kind: str, form: Any, golden: Golden) -> None:
    plain, ids = made(kind)
    model: Any = revc.retrofit(plain, form, calibration={"input_ids": ids})
    golden(f"retrofit/{kind}_{form}.rev", model.spec)
    assert format_source(model.spec) == model.spec
    found = lint(model.spec)
    assert not found.findings
    assert [proof.verdict for proof in found.proofs] == ["PROVED"]


def test_one_layer_alone_needs_no_tape() -> None:
    torch.manual_seed(0)
    ids = torch.randint(0, 31, (2, 6))
    model: Any = revc.retrofit(Model("llama", layers=1), calibration={"input_ids": ids})
    assert "kept" not in model.spec
    program, inputs = model.program(input_ids=ids)
    assert torch.allclose(program.inverse(program(**inputs)), inputs["x"], atol=2.0**-24)


@pytest.mark.parametrize(
    ("largest", "margin", "lattice"),
    [
        (0.0, 2.0, "lattice(Q8.24)"),
        (63.9, 2.0, "lattice(Q8.24)"),
        (64.0, 2.0, "lattice(Q9.23)"),
        (27_520.0, 2.0, "lattice(Q17.15)"),
        (32_768.0, 1.0, "lattice(Q17.15)"),
    ],
)
def test_the_lattice_holds_the_margin(largest: float, margin: float, lattice: str) -> None:
    assert lattice_for(largest, margin) == lattice


def test_activations_beyond_any_lattice() -> None:
    with pytest.raises(revc.BindError, match="fit no 32 bit lattice"):
        lattice_for(2.0**31, 2.0)


def test_nothing_is_clamped_where_activations_are_large() -> None:
    plain, ids = made("vit")
    with torch.no_grad():
        plain.layers[1].mlp[-1].weight.mul_(2e4)
    model: Any = revc.retrofit(plain, calibration={"input_ids": ids})
    program, inputs = model.program(input_ids=ids)
    out = program(**inputs)
    assert out.x.abs().max() > 2048
    assert program.count_wraps(**inputs) == 0
    assert not program.counts.increments
    assert not program.counts.inputs


def test_unknown_architectures_name_the_known_ones() -> None:
    model = nn.Linear(2, 2)
    with pytest.raises(revc.BindError, match=r"llama, gpt2, vit, bert"):
        revc.retrofit(model, calibration={"input": torch.ones(1, 2)})
    model.config = SimpleNamespace(model_type="mamba", hidden_size=2)  # type: ignore[assignment]
    with pytest.raises(revc.BindError, match="of type 'mamba'"):
        revc.retrofit(model, calibration={"input": torch.ones(1, 2)})
    model.config = SimpleNamespace(model_type="llama", hidden_size=2)  # type: ignore[assignment]
    with pytest.raises(revc.BindError, match="has no layers at layers"):
        revc.retrofit(model, calibration={"input": torch.ones(1, 2)})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"form": "midpoint"}, "one of 'momentum', 'coarse'"),
        ({"momentum": 0.3}, "multiple of 1/1024"),
        ({"momentum": 1.0}, "between 0 and 1"),
        ({"form": "coarse", "grid": 0.0}, "fraction of the spread"),
        ({"margin": 0.5}, "at least 1"),
        ({"loss_chunk": 0}, "at least one token"),
        ({"calibration": []}, "needs a batch"),
    ],
)
def test_what_is_refused(options: dict[str, Any], message: str) -> None:
    plain, ids = made("llama")
    with pytest.raises(revc.BindError, match=message):
        revc.retrofit(plain, **{"calibration": {"input_ids": ids}, **options})


def test_twice_is_refused_and_so_is_checkpointing() -> None:
    plain, ids = made("llama")
    model: Any = revc.retrofit(plain, calibration={"input_ids": ids})
    with pytest.raises(revc.BindError, match="already"):
        revc.retrofit(model, calibration={"input_ids": ids})
    for enable in (model.gradient_checkpointing_enable, model.activation_checkpointing_enable):
        with pytest.raises(revc.BindError, match="stores none"):
            enable()


def test_activations_that_are_not_finite() -> None:
    plain, ids = made("llama")
    with torch.no_grad():
        plain.layers[1].mlp[-1].weight.fill_(torch.inf)
    with pytest.raises(revc.BindError, match="layer 1 gave what is not finite"):
        revc.retrofit(plain, calibration={"input_ids": ids})


def test_parts_of_a_momentum() -> None:
    assert Momentum(1 / 32).bits == 5
    assert Momentum(3 / 1024).bits == pytest.approx(8.415, abs=1e-3)
