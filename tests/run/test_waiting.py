"""On a device the host waits once a pass, at its end, and hears everything then."""

from collections import Counter
from typing import Any

import pytest
import torch
from torch import Tensor

import revc
from revc.errors import BindError, ReconstructionError
from revc.runtime.bits.errors import ReservoirExhaustedError
from revc.runtime.model import ReversibleModel
from revc.runtime.run.guard import ClampWarning, NonFiniteError
from tests.metered.test_programs import HEAD, PAIR, SPECS
from tests.model import specs
from tests.model.laws import gradients, weighted
from tests.run.waiting import looks, pretend, pretend_capture

VALVE = "valve a[.., :3] by logistic(linear(b), step = 1/16"
LOOP = "repeat 3 {{ b += linear(a)\n{}) as va\na += linear(b) }}"
BUDGET = "budget net(Net.va) <= 2 bits/token/valve\n"
MATRIX = {"orthogonal", "householder", "lu", "undone lu", "declared matrix", "mixed in a repeat"}
"""A matrix of lifting steps is factored on the host: each `mix` by one reads it."""

OTHERS = {
    "plain": specs.HEAD + PAIR.format("repeat 3 { a += linear(norm(b))\nswap a, b }"),
    "emits": specs.HEAD + PAIR.format("a += linear(b)\nemit y = tanh(linear(a))\nb += linear(a)"),
    "alloc": specs.HEAD + PAIR.format("alloc z: [B, T, d] = 0.5\na += linear(z)\nfree z = 0.5"),
    "budget": HEAD + PAIR.format(LOOP.format(VALVE)) + BUDGET,
    "float state": (HEAD + PAIR.format(LOOP.format(VALVE))).replace("lattice(Q12.20)", "float32"),
    "drop": HEAD + PAIR.format(LOOP.format(VALVE + ", residue = drop(16)")) + BUDGET,
}
THROTTLED = ("budget", "drop")


def make(spec: str) -> tuple[ReversibleModel, dict[str, Tensor]]:
    torch.manual_seed(0)
    model = revc.compile(spec)
    model.bits.seed = 0
    values = {name: (torch.randn(2, 5, 8) * 0.4).requires_grad_() for name in ("a", "b")}
    return model, values


def step(
    model: ReversibleModel, values: dict[str, Tensor], patch: pytest.MonkeyPatch
) -> tuple[Counter[str], Counter[str]]:
    """Run a step; return what its two passes looked at."""
    with looks(patch) as forward:
        out = model(**values)
    loss = weighted(out._asdict())
    with looks(patch) as backward:
        gradients(loss, [*values.values(), *model.parameters()])
    return forward, backward


WAITED = {name: spec for name, spec in SPECS.items() if name not in MATRIX} | OTHERS


@pytest.mark.parametrize("mode", ["lossless", "audit"])
@pytest.mark.parametrize("name", WAITED)
def test_a_pass_waits_once_at_its_end(
    name: str, mode: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    if mode == "audit" and "valve" not in name and name not in OTHERS:
        pytest.skip("nothing is written in another way")
    model, values = make(WAITED[name])
    model.bits.mode = mode
    if name in THROTTLED:
        model.throttle["va"] = 0.9
    pretend(monkeypatch)
    step(model, values, monkeypatch)  # tables are made once
    for found in step(model, values, monkeypatch):
        assert found <= Counter({"tolist in run/deferred.py:settle": 1}), found


def spoil(model: ReversibleModel) -> None:
    """Change a parameter so that the way back has other increments, without autograd's notice."""
    next(p for n, p in model.named_parameters() if n.endswith("weight")).data.add_(1.0)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_an_input_that_is_not_finite_is_refused_at_the_end(
    value: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, values = make(OTHERS["plain"])
    pretend(monkeypatch)
    with torch.no_grad():
        values["b"][1, 2, 3] = value
    with pytest.raises(NonFiniteError, match=r"b\[1, 2, 3\]"):
        model(**values)


def test_a_clamped_input_is_counted_and_has_no_gradient(monkeypatch: pytest.MonkeyPatch) -> None:
    model, values = make(OTHERS["plain"])
    pretend(monkeypatch)
    with torch.no_grad():
        values["a"][1, 2, 3] = 1e6
    with pytest.warns(ClampWarning, match=r"a\[1, 2, 3\]"):
        out = model(**values)
    assert dict(model.counts.inputs) == {"a clamped": 1}
    (grad,) = gradients(weighted(out._asdict()), [values["a"]])
    assert grad[1, 2, 3] == 0
    assert grad.count_nonzero() > grad.numel() // 2


def test_what_cannot_be_rebuilt_is_found_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    model, values = make(OTHERS["plain"])
    pretend(monkeypatch)
    out = model(**values)
    spoil(model)
    with pytest.raises(ReconstructionError, match="could not be rebuilt bit for bit"):
        weighted(out._asdict()).backward()


@pytest.mark.parametrize("name", ["budget", "drop"])
def test_bits_of_another_run_are_found_at_the_end(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, values = make(OTHERS[name])
    model.throttle["va"] = 0.9
    pretend(monkeypatch)
    out = model(**values)
    spoil(model)
    with pytest.raises(ReconstructionError):
        weighted(out._asdict()).backward()


def test_an_exhausted_reservoir_is_found_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    model = revc.compile(
        "dim B, T\nstate lattice(Q12.20)\nreservoir e(seed = 5, bits = 900)\n"
        "model Net(given x: float32[B, T]) -> (y: label(16)[B, T]) {\n"
        "  draw y: label(16)[B, T] by uniform(16) as out on e\n}\n"
    )
    pretend(monkeypatch)
    with pytest.raises(ReservoirExhaustedError, match="reservoir e has 900 bits"):
        model(torch.zeros(2, 1000))


# --- in a graph -----------------------------------------------------------------------------------


def warmed(
    name: str, patch: pytest.MonkeyPatch
) -> tuple[ReversibleModel, dict[str, Tensor], list[Tensor]]:
    """Return a model that has run a step, its inputs, and the gradients of that step."""
    model, values = make(WAITED[name])
    if name in THROTTLED:
        model.throttle["va"] = 0.9
    pretend(patch)
    leaves = [*values.values(), *model.parameters()]
    return model, values, gradients(weighted(model(**values)._asdict()), leaves)


@pytest.mark.parametrize("name", WAITED)
def test_a_captured_step_looks_at_nothing(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model, values, wanted = warmed(name, monkeypatch)
    pretend_capture(monkeypatch)
    with looks(monkeypatch) as found:
        out = model(**values)
        mine = gradients(weighted(out._asdict()), [*values.values(), *model.parameters()])
    assert not found
    assert all(torch.equal(one, other) for one, other in zip(mine, wanted, strict=True))
    model.verify()


def test_what_was_not_run_before_cannot_be_captured(monkeypatch: pytest.MonkeyPatch) -> None:
    model, values = make(OTHERS["plain"])
    pretend(monkeypatch)
    pretend_capture(monkeypatch)
    with pytest.raises(BindError, match="run a whole step outside"):
        model(**values)


def test_a_wrong_replay_is_told_once_by_verify(monkeypatch: pytest.MonkeyPatch) -> None:
    model, values, _ = warmed("budget", monkeypatch)
    pretend_capture(monkeypatch)
    out = model(**values)
    spoil(model)
    weighted(out._asdict()).backward()
    out = model(**values)  # and a good one after it
    weighted(out._asdict()).backward()
    with pytest.raises(ReconstructionError):
        model.verify()
    model.verify()


@pytest.mark.parametrize(("value", "place"), [(float("nan"), "b goes from nan"), (1e6, "")])
def test_a_graph_tells_of_its_inputs_by_verify(
    value: float, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, values, _ = warmed("plain", monkeypatch)
    pretend_capture(monkeypatch)
    with torch.no_grad():
        values["b"][1, 2, 3] = value
    out = model(**values)
    (grad,) = gradients(weighted(out._asdict()), [values["b"]])
    if place:
        with pytest.raises(NonFiniteError, match=place):
            model.verify()
        return
    assert grad[1, 2, 3] == 0
    assert grad.count_nonzero() > grad.numel() // 2
    with pytest.warns(ClampWarning, match="1 elements of b"):
        model.verify()
    assert dict(model.counts.inputs) == {"b clamped": 1}


def test_labels_of_a_graph_are_judged_by_verify(monkeypatch: pytest.MonkeyPatch) -> None:
    model = revc.compile(
        "dim B, T\nstate lattice(Q12.20)\n"
        "model Net(x: label(7)[B, T], given g: label(7)[B, T]) -> (x: label(7)[B, T]) {\n"
        "  x += g\n}\n"
    )
    labels = {name: torch.zeros(2, 3, dtype=torch.int64) for name in ("x", "g")}
    pretend(monkeypatch)
    model(**labels)
    pretend_capture(monkeypatch)
    labels["g"][1, 1] = 7
    model(**labels)
    with pytest.raises(BindError, match=r"g goes from 0 to 7, and labels of .* lie in \[0, 7\)"):
        model.verify()


def test_a_matrix_that_the_host_factors_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    model, values = make(SPECS["orthogonal"])
    pretend(monkeypatch)
    model(**values)
    pretend_capture(monkeypatch)
    with pytest.raises(BindError, match="factors it on the host"):
        model(**values)
