"""Every diagnostic of `revc audit`: passing on good specs, failing on a planted fault."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import revc
from revc.audit import (
    Finding,
    Subject,
    audit,
    cycle,
    drift,
    gap,
    kernels,
    ledger,
    randomness,
    valves,
)
from revc.audit.prepare import prepare
from revc.errors import BindError
from revc.runtime.bits.dist import Table
from revc.runtime.metered import valve
from revc.runtime.metered.session import Session
from tests.cli.test_commands import revc as revc_cli

SPECS = Path(__file__).parents[2] / "specs"
LM = {"d": 32, "V": 20, "k": 4, "T": 12}
HOLE = """
dim B, c = 6
state {numerics}
net F(x: [B, c]) -> [B, c]
model Net(a, b: [B, c]) -> (a, b: [B, c]) {{
  a += F(b)
  b += F(a)
}}
"""


def subject(name: str = "language_model") -> Subject:
    sizes = LM if name == "language_model" else {}
    return prepare(str(SPECS / f"{name}.rev"), None, sizes, None, None, 8)


def brought(net: nn.Module, numerics: str = "lattice(Q12.20)") -> Subject:
    model = revc.compile(HOLE.format(numerics=numerics), nets={"F": net})
    generator = torch.Generator().manual_seed(1)
    return Subject(model, {n: torch.randn(4, 6, generator=generator) for n in ("a", "b")})


def every(one: Finding | list[Finding]) -> list[Finding]:
    return one if isinstance(one, list) else [one]


@pytest.mark.parametrize("name", ["classify", "rnn", "digits", "language_model", "lm"])
def test_good_specs_pass(name: str) -> None:
    sizes = {"d": 32, "V": 20} if name == "lm" else {}
    one = prepare(str(SPECS / "lm.rev"), None, sizes, None, None, 4) if sizes else subject(name)
    found = audit(one)
    assert not [f for f in found if f.met is False]
    assert {f.name for f in found if f.met} >= {
        "bit cycle",
        "deterministic kernels",
        "reservoir count",
    }


def test_float_state_passes_by_its_drift() -> None:
    found = audit(brought(nn.Linear(6, 6), "float32"))
    (row,) = [f for f in found if f.name == "reconstruction drift"]
    assert row.met
    assert row.unit == "ULP (median)"


# --- planted faults ------------------------------------------------------------------------------


def test_a_bit_flipped_on_the_tape_breaks_the_cycle(monkeypatch: pytest.MonkeyPatch) -> None:
    turn_back = Session.turn_back

    def flipping(self: Session) -> dict[str, Any]:
        kept = turn_back(self)
        self.stacks["tape"].engine.state.heads[5] ^= 1 << 17
        return kept

    monkeypatch.setattr(Session, "turn_back", flipping)
    assert cycle.check(subject()).met is False


def test_a_bit_flipped_in_the_state_breaks_the_cycle(monkeypatch: pytest.MonkeyPatch) -> None:
    one = subject("digits")
    run_inverse = type(one.model).run_inverse

    def flipping(
        self: Any, mode: Any, raw: Any, givens: Any, session: Any, check: Any = None
    ) -> Any:
        session.stacks["tape"].engine.state.heads[0] ^= 1
        return run_inverse(self, mode, raw, givens, session, check)

    monkeypatch.setattr(type(one.model), "run_inverse", flipping)
    assert cycle.check(one).met is False


def test_a_booking_that_is_off_by_a_unit_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    moved, done = Session.moved, []

    def off(self: Session, name: str, meter: str) -> Tensor:
        change = moved(self, name, meter)
        if not done:
            self.books.written.book(meter, torch.ones_like(change))
            done.append(meter)
        return change

    monkeypatch.setattr(Session, "moved", off)
    row = ledger.check(subject())
    assert row.met is False
    assert row.value == 1


def test_a_coder_that_wastes_bits_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    push = Table.push

    def wasting(self: Table, stack: Any, symbols: Tensor) -> None:
        push(self, stack, symbols)
        push(self, stack, symbols)

    spec = """
use std.nets: mlp, dropout
dim B, c = 64
state lattice(Q12.20)
model Net(a, b: [B, c]) -> (a, b: [B, c]) { a += dropout(mlp(b, width = 8), p = 0.3) }
"""
    one = Subject(revc.compile(spec), {n: torch.randn(8, 64) for n in ("a", "b")})
    assert all(f.met for f in gap.check(one))
    monkeypatch.setattr(Table, "push", wasting)
    assert gap.check(one)[0].met is False


class Noisy(nn.Linear):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) + 0 * torch.rand(())


def test_a_net_that_draws_from_torch_is_named() -> None:
    row = randomness.check(brought(Noisy(6, 6)))
    assert row.met is False
    assert "aten.rand" in row.detail
    assert "torch's generator was advanced" in row.detail


def test_float_state_that_cannot_be_rebuilt_is_found() -> None:
    far = nn.Linear(6, 6)
    nn.init.constant_(far.weight, 300.0)
    assert drift.check(brought(far, "float32")).met is False


def test_a_valve_that_puts_the_old_value_back_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    one = subject()
    assert valves.check(one).met
    push, last = valve._push_old, {}

    def remember(session: Any, tape: Any, raw: Tensor, parts: Any, coding: Any, by: Any) -> None:
        last["index"] = parts.index
        push(session, tape, raw, parts, coding, by)

    monkeypatch.setattr(valve, "_push_old", remember)
    from revc.audit.subject import RecordedStack

    drawn = RecordedStack.pop

    def returning(self: Any, by: Any, shape: Any = None) -> Tensor:
        symbols = drawn(self, by, shape)
        if self.name == "reservoir" and "index" in last and last["index"].shape == symbols.shape:
            self.log[-1].symbols = last["index"]
            return last["index"]
        return symbols

    monkeypatch.setattr(RecordedStack, "pop", returning)
    row = valves.check(one)
    assert row.met is False
    assert row.value is not None
    assert row.value > 20


class Changing(nn.Linear):
    calls = 0

    def forward(self, x: Tensor) -> Tensor:
        Changing.calls += 1
        return super().forward(x) + 0.01 * Changing.calls


def test_a_net_that_does_not_repeat_ends_the_audit() -> None:
    found = audit(brought(Changing(6, 6)))
    assert [f.name for f in found] == ["deterministic kernels"]
    assert found[0].met is False


class Undeterministic(nn.Linear):
    def forward(self, x: Tensor) -> Tensor:
        if torch.are_deterministic_algorithms_enabled():
            raise RuntimeError("put_ does not have a deterministic implementation, but you set ...")
        return super().forward(x)


def test_an_operator_without_a_deterministic_kernel_is_named() -> None:
    row = kernels.check(brought(Undeterministic(6, 6)))
    assert row.met is False
    assert "put_ does not have a deterministic implementation" in row.detail


# --- the command ---------------------------------------------------------------------------------


def test_the_command_prints_rows_and_a_page(tmp_path: Path) -> None:
    page = tmp_path / "audit.html"
    done = revc_cli("audit", SPECS / "classify.rev", "--json", "--html", page)
    assert done.exit_code == 0
    rows = json.loads(done.stdout)
    assert {"name", "value", "unit", "target", "met", "detail"} == set(rows[0])
    text = page.read_text()
    assert "<svg" in text
    assert "http" not in text
    assert "bit cycle" in text


def test_the_command_fails_on_what_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drift, "check", lambda _: Finding("x", 1.0, "u", "= 0", False, "planted"))
    monkeypatch.setattr("revc.audit.run.CHECKS", (drift.check,))
    done = revc_cli("audit", SPECS / "classify.rev")
    assert done.exit_code == 1
    assert "planted" in done.stdout


def test_weights_and_data_from_files(tmp_path: Path) -> None:
    torch.manual_seed(3)
    model = revc.compile(SPECS / "classify.rev")
    torch.save(model.state_dict(), tmp_path / "w.pt")
    torch.save({"image": torch.randn(5, 64)}, tmp_path / "d.pt")
    one = prepare(
        str(SPECS / "classify.rev"), None, {}, str(tmp_path / "w.pt"), str(tmp_path / "d.pt"), 4
    )
    for mine, theirs in zip(one.model.parameters(), model.parameters(), strict=True):
        assert torch.equal(mine, theirs)
    assert one.inputs["image"].shape == (5, 64)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"picture": torch.zeros(2, 64)}, "'picture' does not fit"),
        ({"image": torch.zeros(2, 63)}, "image has size 63"),
        ([1, 2], "does not hold tensors by name"),
    ],
)
def test_data_that_does_not_fit_is_refused(tmp_path: Path, data: Any, message: str) -> None:
    torch.save(data, tmp_path / "d.pt")
    with pytest.raises(BindError, match=message):
        prepare(str(SPECS / "classify.rev"), None, {}, None, str(tmp_path / "d.pt"), 4)
    with pytest.raises(BindError, match="cannot read"):
        prepare(str(SPECS / "classify.rev"), None, {}, str(tmp_path / "none.pt"), None, 4)
