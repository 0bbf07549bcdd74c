"""What a retrofitted model has to hold: exact inverses, right gradients, its own names."""

import copy
import threading
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import revc
from revc.audit.run import audit
from revc.audit.subject import Subject
from revc.runtime.metered.session import Session
from tests.retrofitting.shapes import KINDS, LAYERS, WIDTH, Model, WithHead, made

FORMS = ("momentum", "coarse")


def retrofitted(kind: str, form: Any, **options: Any) -> tuple[Any, Model, Tensor]:
    """Return a retrofitted model, the model that it was, and a batch."""
    plain, ids = made(kind)
    model = revc.retrofit(copy.deepcopy(plain), form, calibration={"input_ids": ids}, **options)
    return model, plain, ids


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", KINDS)
def test_hidden_states_come_back_bit_for_bit(kind: str, form: str) -> None:
    model, _, ids = retrofitted(kind, form)
    program, inputs = model.program(input_ids=ids)
    out = program(**inputs)
    again = program(x=program.inverse(out), **{k: v for k, v in inputs.items() if k != "x"})
    assert torch.equal(out.x, again.x)
    assert (program.inverse(out) - inputs["x"]).abs().max() <= 2.0**-24
    assert {report.how for report in program.nets_report()} == {"captured"}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", KINDS)
def test_gradients_are_those_of_the_same_function(kind: str, form: str) -> None:
    model, _, ids = retrofitted(kind, form)
    _weighted(model(input_ids=ids)).backward()
    mine = {name: p.grad.clone() for name, p in model.named_parameters()}
    model.zero_grad()
    _weighted(_plainly(model, ids)).backward()
    for name, param in model.named_parameters():
        wanted = param.grad
        assert (mine[name] - wanted).norm() <= 3e-3 * wanted.norm() + 1e-7, name


@pytest.mark.parametrize("form", FORMS)
def test_dropout_in_training_draws_from_keys_and_comes_back(form: str) -> None:
    plain, ids = made("gpt2")
    for block in plain.h:
        block.mlp.append(nn.Dropout(0.25))
    model = revc.retrofit(plain, form, calibration={"input_ids": ids})  # type: ignore[arg-type]
    program, inputs = model.program(input_ids=ids)
    found = []
    for at in range(3):
        program.bits.seed = at // 2
        out = program(**inputs)
        assert program.inverse(out).sub(inputs["x"]).abs().max() <= 2.0**-24
        out = program(**inputs)
        found.append([out.x, *torch.autograd.grad(_weighted(out.x), plain.h[0].mlp.parameters())])
    assert all(map(torch.equal, *found[:2]))
    assert not torch.equal(found[1][0], found[2][0])


def _weighted(out: Tensor) -> Tensor:
    """Return a loss in which each element has a weight of its own: norms make others constant."""
    return (out * torch.linspace(-1, 1, out.numel()).sin().view(out.shape)).sum()


def _plainly(model: Any, ids: Tensor) -> Tensor:
    """Run the form on floats alone, recorded by autograd."""
    with model.stack.noting() as calls, torch.no_grad():
        model(input_ids=ids)
    arguments = calls[0].how.arguments(tuple(calls[0].givens.values()), torch.float32)

    def increment(layer: nn.Module) -> Any:
        def run(x: Tensor) -> Tensor:
            out = layer(x, **arguments)
            return (out[0] if isinstance(out, tuple) else out) - x

        return run

    x = model.embed(ids)
    return model.norm(model.stack.form.plain(x, [increment(la) for la in model.stack.layers]))


@pytest.mark.parametrize("kind", KINDS)
def test_the_smaller_the_momentum_the_nearer_to_the_model(kind: str) -> None:
    off = []
    for momentum in (1 / 4, 1 / 32, 1 / 256):
        model, plain, ids = retrofitted(kind, "momentum", momentum=momentum)
        off.append((model(input_ids=ids) - plain(input_ids=ids)).abs().max().item())
    assert off[0] > 4 * off[1] > 16 * off[2] / 4
    assert off[2] < 0.05


def test_the_finer_the_grid_the_nearer_to_the_model() -> None:
    off = []
    for grid in (1 / 2, 1 / 16, 1 / 128):
        model, plain, ids = retrofitted("llama", "coarse", grid=grid)
        off.append((model(input_ids=ids) - plain(input_ids=ids)).abs().max().item())
    assert off[0] > off[1] > off[2]
    assert off[2] < 0.02


@pytest.mark.parametrize("form", FORMS)
def test_without_gradients_it_is_the_same_function(form: str) -> None:
    model, _, ids = retrofitted("llama", form)
    recorded = model(input_ids=ids)
    with torch.no_grad():
        assert (model(input_ids=ids) - recorded).abs().max() < 1e-4


def test_what_momentum_puts_on_the_tape() -> None:
    model, _, ids = retrofitted("llama", "momentum", momentum=1 / 8)
    program, inputs = model.program(input_ids=ids)
    out = program(**inputs)
    elements = ids.numel() * WIDTH * (LAYERS - 1)  # the first layer finds no velocity
    written = out.ledger.bits("written").sum().item() / elements
    assert written == pytest.approx(3.0, abs=1e-3)


@pytest.mark.parametrize("form", FORMS)
def test_a_run_keeps_the_words_of_its_tape_and_little_room(
    form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, _, _ = retrofitted("llama", form)
    ids, found = torch.randint(0, 31, (2, 2000)), []
    finish = Session.finish
    monkeypatch.setattr(Session, "finish", lambda one: (finish(one), found.append(one)))
    out = model(input_ids=ids)
    state = found[0].stacks["tape"].engine.state
    fullest = int(state.fill.max())
    assert fullest > 500
    assert state.capacity <= (fullest + 8) * 17 // 16
    words = state.words
    out.sum().backward()
    assert state.words is words  # the way back needs no more


@pytest.mark.parametrize("form", FORMS)
def test_names_values_and_ties_stay(form: str) -> None:
    torch.manual_seed(0)
    plain = WithHead("llama")
    ids = torch.randint(0, 31, (2, 6))
    names = [name for name, _ in plain.named_parameters()]
    state = {name: value.clone() for name, value in plain.state_dict().items()}
    model = revc.retrofit(plain, form, calibration={"input_ids": ids})  # type: ignore[arg-type]
    assert model is plain
    assert [name for name, _ in model.named_parameters()] == names
    assert model.state_dict().keys() == state.keys()
    assert all(torch.equal(model.state_dict()[name], value) for name, value in state.items())
    assert model.head.weight is model.base_model.embed.weight
    model(input_ids=ids).sum().backward()
    assert all(p.grad is not None for p in model.parameters())


def test_layers_are_found_by_whoever_looks() -> None:
    model, _, ids = retrofitted("llama", "momentum")
    assert len(model.layers) == LAYERS
    assert [*model.layers] == [*model.layers[:]] == model.stack.layers
    for layer in model.layers[1:]:
        layer.requires_grad_(False)
    model(input_ids=ids).sum().backward()
    assert all(p.grad is None for p in model.layers[1].parameters())
    assert all(p.grad is not None for p in model.layers[0].parameters())


def test_a_replaced_part_of_a_layer_counts() -> None:
    model, _, ids = retrofitted("llama", "momentum")
    before = model(input_ids=ids)
    model.layers[1].mlp = nn.Linear(WIDTH, WIDTH)
    after = model(input_ids=ids)
    assert not torch.equal(before, after)
    after.sum().backward()
    assert model.layers[1].mlp.weight.grad is not None


def test_a_mask_is_a_given_of_another_program() -> None:
    model, plain, ids = retrofitted("llama", "momentum", momentum=1 / 1024)
    mask = torch.ones_like(ids)
    mask[0, 4:] = 0
    out, wanted = (one(input_ids=ids, attention_mask=mask) for one in (model, plain))
    assert (out - wanted).abs().max() < 0.02
    assert "mask" not in model.spec
    program, inputs = model.program(input_ids=ids, attention_mask=mask)
    assert [*inputs] == ["x", "mask", "cos", "sin"]
    assert (program.inverse(program(**inputs)) - inputs["x"]).abs().max() <= 2.0**-24


@pytest.mark.parametrize("form", FORMS)
def test_copies_are_models_of_their_own(form: str) -> None:
    model, _, ids = retrofitted("llama", form)
    copied = copy.deepcopy(model)
    with torch.no_grad():
        for param in copied.parameters():
            param.mul_(1.5)
    assert not torch.equal(model(input_ids=ids), copied(input_ids=ids))
    copied(input_ids=ids).sum().backward()
    assert all(p.grad is None for p in model.parameters())


def test_threads_share_a_model() -> None:
    model, _, ids = retrofitted("llama", "momentum")
    wanted = model(input_ids=ids)
    found: list[Tensor] = []
    threads = [
        threading.Thread(target=lambda: found.append(model(input_ids=ids))) for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 3
    assert all(torch.equal(one, wanted) for one in found)


@pytest.mark.parametrize("form", FORMS)
def test_audits_pass(form: str) -> None:
    model, _, ids = retrofitted("llama", form)
    program, inputs = model.program(input_ids=ids)
    rows = audit(Subject(program, inputs))
    failed = [row for row in rows if row.met is False]
    assert not failed
    assert sum(row.met is True for row in rows) >= 6


def test_a_narrower_dtype() -> None:
    for form in FORMS:
        plain, ids = made("llama")
        plain.to(torch.bfloat16)
        model: Any = revc.retrofit(plain, form, calibration={"input_ids": ids})  # type: ignore
        out = model(input_ids=ids)
        assert out.dtype is torch.bfloat16
        out.float().sum().backward()
        assert all(p.grad is not None for p in model.parameters())


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:.*should not be instantiated:DeprecationWarning")
def test_under_a_compiler_it_runs_as_it_is_or_says_what_to_compile() -> None:
    model, _, ids = retrofitted("llama", "momentum")
    wanted = model(input_ids=ids)
    torch._dynamo.reset()
    assert torch.equal(torch.compile(model, backend="eager")(input_ids=ids), wanted)
    torch._dynamo.reset()
    whole = torch.compile(model, backend="eager", fullgraph=True)
    with pytest.raises(
        torch._dynamo.exc.Unsupported, match="its layers are one reversible program"
    ):
        whole(input_ids=ids)
    program, inputs = model.program(input_ids=ids)
    compiled = torch.compile(program, backend="aot_eager", fullgraph=True, dynamic=False)
    assert torch.equal(compiled(**inputs).x, program(**inputs).x)
