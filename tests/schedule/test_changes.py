"""What is changed or clamped between the forward and the backward pass of what is saved."""

import pytest
import torch

from revc.errors import ReconstructionError
from tests.model import specs
from tests.model.laws import gradients
from tests.model.made import make, pair
from tests.schedule.schedules import MIXED, both, inputs_of, same


def test_a_parameter_that_was_changed_in_place_is_an_error(schedule: list[str]) -> None:
    model, (a, b) = both(schedule)[0], pair()
    loss = model(a, b).a.sum()
    with torch.no_grad():
        model.nets.get_submodule("repeat_0.1.Layer_0.mlp_0").weight_in.add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


def test_a_given_that_was_changed_in_place_is_an_error() -> None:
    model = make(MIXED)
    model.schedule = "save"
    values = inputs_of(model)
    values["u"] = values["u"].detach()
    loss = model(**values).a.sum()
    values["u"].add_(1)
    with pytest.raises(ReconstructionError, match="`u` was changed in place"):
        loss.backward()


def test_an_emit_that_was_changed_in_place_is_an_error_if_it_is_read() -> None:
    source = specs.HEAD + (
        "model Net(a, b: [B, T, d]) -> (a, b: [B, T, d]) {\n"
        " emit seen = tanh(linear(a))\n b += linear(a)\n}"
    )
    model, (a, b) = make(source), pair()
    model.schedule = "save"
    out = model(a, b)
    loss = out.b.sum() + out.seen.sum()
    with torch.no_grad():
        out.seen.mul_(2)
    with pytest.raises(ReconstructionError, match="what it emitted was changed in place"):
        loss.backward()


def test_results_may_change_where_nothing_starts_from_them() -> None:
    source = specs.LAYERS.replace("lattice(Q12.20)", "float32")
    model, (a, b) = make(source), pair()
    wanted = torch.autograd.grad(model(a, b).a.sum(), [a, b])
    model.schedule = "save"
    out = model(a, b)
    loss = out.a.sum()
    with torch.no_grad():
        out.a.zero_()
    for one, other in zip(torch.autograd.grad(loss, [a, b]), wanted, strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-5)


@pytest.mark.filterwarnings("ignore::revc.runtime.run.guard.ClampWarning")
def test_what_is_clamped_has_no_gradient() -> None:
    source = specs.HEAD.replace("Q12.20", "Q4.12")
    source += "model Net(a, b: [B, T, d]) -> (a, b: [B, T, d]) {\n a += 9 * b\n b -= a * a\n}"
    model, (a, b) = make(source), (x.detach().tanh().requires_grad_() for x in pair())
    found = []
    for schedule in ("invert", "save"):
        model.schedule = schedule
        out = model(a, b)
        found.append(gradients(out.a.sum(), [a, b]))
    assert same(*found)
    assert set(found[1][1].flatten().tolist()) == {0.0, 9.0}
