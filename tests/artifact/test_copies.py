"""Compiled models and artifacts copy, pickle, move and save as any module does."""

import copy
import io
import pickle
from collections.abc import Callable

import pytest
import torch
from safetensors.torch import load_model, save_model

import revc
from revc.errors import ArtifactError, BindError
from revc.runtime.model import ReversibleModel
from tests.artifact.compare import TOKENS, assert_same, everything
from tests.artifact.conftest import Write
from tests.conftest import Golden
from tests.model import specs
from tests.model.laws import randomize


def saved(model: ReversibleModel) -> ReversibleModel:
    """Return what torch.save and torch.load make of a model."""
    file = io.BytesIO()
    torch.save(model, file)
    file.seek(0)
    return torch.load(file, weights_only=False)


COPIES: dict[str, Callable[[ReversibleModel], ReversibleModel]] = {
    "deepcopy": copy.deepcopy,
    "pickle": lambda model: pickle.loads(pickle.dumps(model)),
    "torch.save": saved,
}


@pytest.fixture(params=["compiled", "artifact"])
def model(request: pytest.FixtureRequest, write: Write) -> ReversibleModel:
    """Return a language model of either kind."""
    torch.manual_seed(0)
    made = request.param == "compiled"
    model = revc.compile(specs.LANGUAGE) if made else write(specs.LANGUAGE).load()
    randomize(model)
    return model


@pytest.mark.parametrize("way", COPIES)
def test_copies_agree_and_are_their_own(model: ReversibleModel, way: str) -> None:
    before = everything(model, TOKENS)
    twin = COPIES[way](model)
    assert list(twin.state_dict()) == list(model.state_dict())
    assert_same(everything(twin, TOKENS), before)
    with torch.no_grad():
        for param in twin.parameters():
            param.zero_()
    assert_same(everything(model, TOKENS), before)
    assert twin.interface == model.interface


@pytest.mark.parametrize("way", COPIES)
def test_a_copy_keeps_its_modes(model: ReversibleModel, way: str) -> None:
    model.double().eval()
    model.nets.Tok.weight.requires_grad_(False)
    twin = COPIES[way](model)
    assert not twin.training
    assert not twin.nets.Tok.weight.requires_grad
    assert_same(everything(twin, TOKENS), everything(model, TOKENS))


def test_results_pickle_and_invert_in_a_copy(model: ReversibleModel) -> None:
    out = pickle.loads(pickle.dumps(model(**TOKENS)))
    twin = pickle.loads(pickle.dumps(model))
    twin.inverse(out)
    with pytest.raises(BindError):
        twin.inverse(tuple(out))


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_moving_there_and_back(model: ReversibleModel, dtype: torch.dtype) -> None:
    with torch.no_grad():
        for param in model.parameters():
            param.copy_(param.bfloat16())  # so that a narrower dtype holds it
    before = everything(model, TOKENS)
    model.to(dtype)
    out = model(**TOKENS)
    assert out.x.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
    model.inverse(out)
    assert_same(everything(model.to(torch.float32), TOKENS), before)


def test_moving_to_a_device(model: ReversibleModel) -> None:
    before = everything(model, TOKENS)
    assert all(param.is_meta for param in copy.deepcopy(model).to("meta").parameters())
    assert_same(everything(model.to("cpu"), TOKENS), before)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_running_on_a_gpu(model: ReversibleModel) -> None:
    before = {name: value.clone() for name, value in model.state_dict().items()}
    model.to("cuda")
    out = model(**{name: value.cuda() for name, value in TOKENS.items()})
    out.loss.backward()
    model.inverse(out)
    model.to("cpu")
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())


def test_the_names_of_parameters_are_stable(model: ReversibleModel, golden: Golden) -> None:
    shapes = (f"{name} {tuple(value.shape)}\n" for name, value in model.state_dict().items())
    golden("artifact/language_state_dict.txt", "".join(shapes))


def test_safetensors_hold_everything(model: ReversibleModel, tmp_path) -> None:
    file = str(tmp_path / "weights.safetensors")
    save_model(model, file)
    twin = revc.compile(specs.LANGUAGE)
    load_model(twin, file)
    assert_same(everything(twin, TOKENS), everything(model, TOKENS))


def test_a_pickle_of_an_artifact_that_changed_is_refused(write: Write, tmp_path) -> None:
    module = write(specs.LANGUAGE)
    data = pickle.dumps(module.load())
    (tmp_path / module.__name__ / "vjp.py").write_text("def vjp(*args): return args\n")
    with pytest.raises(ArtifactError, match=r"vjp.py was changed"):
        pickle.loads(data)
