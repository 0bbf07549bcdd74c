"""What a schedule may not change where bits are exchanged: results, gradients, stacks, ledger."""

import pytest
import torch
from torch import Tensor

from revc.runtime.model import ReversibleModel
from tests.metered.test_programs import BLOCK, HEAD, SPECS, VALVE, digests, make, objective
from tests.model.laws import gradients
from tests.schedule.schedules import same, schedules

AMONG = (
    f"{HEAD}{BLOCK}model Net(a, b: [B, T, d]) {{\n  repeat 2 {{ a += mlp(b, width = 8) }}\n"
    f"  Half(a, b)\n  emit shown = linear(b)\n  repeat 2 {{ b += mlp(a, width = 8) }}\n"
    f"  repeat 2 {{ b += dropout(linear(a), p = 0.3)\n    {VALVE} }}\n"
    "  repeat 2 { a += mlp(b, width = 8) }\n}\n"
)
"""Segments that exchange bits, among others that can be saved."""


def ran(model: ReversibleModel, values: dict[str, Tensor]) -> tuple[list[Tensor], str, object]:
    """Return results and gradients; the books; and the stacks, as they are after the way back."""
    out = model(**values)
    leaves = [*values.values(), *model.parameters()]
    lengths = dict(zip(out.run.rows, out.run.lengths, strict=True))
    found = gradients(objective(out._asdict(), lengths), leaves)
    return [*out, *out.run.lengths, *found], out.ledger.to_json(), digests(out)


@pytest.mark.parametrize(
    "name", ["among", "logistic valve", "scale", "dropout", "lu", "uncall", "in a repeat"]
)
def test_every_schedule_has_the_bits_of_a_run_that_inverts(name: str) -> None:
    model, values = make(AMONG if name == "among" else SPECS[name])
    tensors, books, stacks = ran(model, values)
    for schedule in schedules(model, values, 6 if name == "among" else 3):
        model.schedule = schedule
        found, mine, own = ran(model, values)
        assert same(tensors, found), schedule
        assert (mine, own) == (books, stacks), schedule


def test_what_is_not_of_bits_is_saved() -> None:
    model, values = make(AMONG)
    steps = model.steps(model.interface.measure(values))
    assert {step.segment.plan.metered for step in steps} == {True, False}
    most = next(iter(schedules(model, values, 1)))
    assert {"save", "invert"} == set(most)
    model.schedule = most
    kept = model.kept_bytes(**values)
    assert [one.residuals > 0 for one in kept] == [action == "save" for action in most]
    out = model(**values)
    back = model.inverse(out)
    for one, name in zip(back, values, strict=True):
        torch.testing.assert_close(one, values[name].detach(), atol=1e-6, rtol=0)
