"""Modes of a run: raw patterns, discarded tapes, streamed tapes, and what they refuse."""

import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

import revc
from revc.errors import BindError, OutputError, ReconstructionError
from revc.runtime.bits.filespill import recover
from tests.metered.test_programs import BODIES, HEAD, PAIR, SPECS, make
from tests.model.laws import gradients, weighted

NAMES = ["logistic valve", "written residue", "scale", "in a repeat", "softsign"]


@pytest.mark.parametrize("name", NAMES)
def test_an_audited_run_is_undone_and_gives_the_same_result(name: str) -> None:
    model, inputs = make(SPECS[name])
    plain = model(**inputs)
    model.bits.mode = "audit"
    out = model(**inputs)
    if name != "in a repeat":  # a scaling takes its remainders from the tape, which holds others
        for one, other in zip(plain, out, strict=True):
            assert torch.equal(one, other)
    back = model.inverse(out)
    for value, was in zip(back, inputs.values(), strict=True):
        torch.testing.assert_close(value.double(), was, atol=1e-6, rtol=0)
    gradients(weighted(out._asdict()), list(inputs.values()))


def test_raw_patterns_cost_what_they_hold() -> None:
    model, inputs = make(SPECS["whole register"])
    model.bits.mode = "audit"
    written = model(**inputs).ledger.bits("written", "va") / (5 * 8)
    # 32 bits a value, of which the residue of a step of 1/4 in Q12.20 stays: 18 bits
    torch.testing.assert_close(
        written, torch.full((2,), 14.0, dtype=torch.float64), atol=1e-4, rtol=0
    )


@pytest.mark.parametrize("mode", ["lossless", "audit"])
@pytest.mark.parametrize("step", ["1/16", "3/16", "2"])
def test_a_valve_that_is_undone_first_takes_what_the_stacks_hold(mode: str, step: str) -> None:
    spec = (
        "use std.nets: linear\ndim B, c = 8\nstate lattice(Q12.20)\n"
        f"model M(a, b: [B, c]) {{ undo valve a by logistic(linear(b), step = {step}) as va }}\n"
        "budget net(va) <= 3 bits/token\n"
    )
    model = revc.compile(spec)
    model.bits.mode = mode  # type: ignore[assignment]
    a, b = (torch.randn(64, 8, requires_grad=True) for _ in range(2))
    out = model(a, b)
    back = model.inverse(out)
    torch.testing.assert_close(back[0], a, atol=1e-6, rtol=0)
    torch.testing.assert_close(back[1], b, atol=1e-6, rtol=0)
    (out.a.sum() + out.b.sum()).backward()


@pytest.mark.parametrize("name", NAMES)
def test_a_deployed_run_erases_what_it_wrote(name: str) -> None:
    model, inputs = make(SPECS[name])
    model.bits.mode = "deployed"
    out = model(**inputs)
    books = out.ledger
    assert torch.equal(books.bits("erased"), books.bits("written"))
    assert "tape" not in out.run.session.stacks
    with pytest.raises(BindError, match="thrown away"):
        model.inverse(out)
    with pytest.raises(BindError, match="thrown away"):
        gradients(weighted(out._asdict()), list(inputs.values()))


def test_an_unknown_mode_is_refused() -> None:
    model, inputs = make(SPECS["scale"])
    model.bits.mode = "lossy"  # type: ignore[assignment]
    with pytest.raises(BindError, match="no mode 'lossy'"):
        model(**inputs)


@pytest.mark.parametrize("where", ["file", "host"])
def test_a_streamed_tape_is_read_back_once(where: str, tmp_path: Path) -> None:
    model, inputs = make(
        HEAD + PAIR.format(f"repeat 40 {{ b += linear(a)\n{BODIES['whole register']} }}")
    )
    plain = gradients(weighted(model(**inputs)._asdict()), list(inputs.values()))
    model.bits.lanes = 1
    model.bits.spill = tmp_path / "tape" if where == "file" else "host"
    out = model(**inputs)
    found = gradients(weighted(out._asdict()), list(inputs.values()))
    assert all(one.shape == other.shape for one, other in zip(found, plain, strict=True))
    with pytest.raises(BindError, match="read back or written over"):
        model.inverse(out)


KILLED = """
import sys, torch, revc
torch.manual_seed(0)
model = revc.compile(sys.argv[1])
model.bits.spill, model.bits.lanes = sys.argv[2], 4
a, b = torch.randn(2, 64, 8), torch.randn(2, 64, 8)
model(a, b)
"""


def test_a_killed_run_leaves_a_tape_up_to_its_last_whole_chunk(tmp_path: Path) -> None:
    spec = HEAD + PAIR.format(f"repeat 2000 share {{ b += linear(a)\n{BODIES['whole register']} }}")
    path = tmp_path / "tape"
    with subprocess.Popen([sys.executable, "-c", KILLED, spec, str(path)]) as process:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and (not path.exists() or path.stat().st_size < 200_000):
            assert process.poll() is None, "it ended before it could be killed"
            time.sleep(0.01)
        process.kill()
    stack = recover(path)
    assert stack.sequences == 2
    assert int(stack.size().min()) > 0


def test_parameters_that_changed_are_noticed() -> None:
    model, inputs = make(SPECS["logistic valve"])
    out = model(**inputs)
    with torch.no_grad():
        next(iter(model.parameters())).add_(0.25)
    with pytest.raises(ReconstructionError):
        model.inverse(out)
    with pytest.raises(RuntimeError):  # torch itself saw a saved parameter change
        gradients(weighted(out._asdict()), list(inputs.values()))


def test_a_flipped_bit_of_the_tape_is_noticed() -> None:
    model, inputs = make(SPECS["in a repeat"])
    out = model(**inputs)
    state = out.run.session.stacks["tape"].engine.state
    state.heads[3] ^= 1 << 20
    with pytest.raises(ReconstructionError):
        model.inverse(out)


def test_a_result_without_its_bits_is_not_inverted() -> None:
    import copy
    import pickle

    model, inputs = make(SPECS["scale"])
    with torch.no_grad():
        out = model(**inputs)
    copied = pickle.loads(pickle.dumps(out))
    assert set(copied.written) == set(out.written)
    with pytest.raises(BindError, match="copied without its bits"):
        model.inverse(copied)
    again = copy.deepcopy(model)
    assert again(**inputs).run.session is not out.run.session


SCALED = """
use std.nets: linear, parameter
dim B, d = 8
state lattice(Q12.20)
model Net(a, b: [B, d]) -> (a: [B, d]) {
  b += linear(a)
  scale b by 2 as up
  put b by logistic(linear(a), step = 1/16) as code
}
"""


def test_a_deployed_run_erases_what_its_tape_held() -> None:
    torch.manual_seed(0)
    model = revc.compile(SCALED)
    model.bits.mode = "deployed"
    books = model(*torch.randn(2, 3, 8)).ledger
    assert bool((books.bits("written", "up") < 0).all())
    assert torch.equal(books.bits("erased"), books.bits("written"))


def test_an_audited_run_is_undone_where_the_program_undoes_a_valve() -> None:
    body = "valve a by logistic(linear(b), step = 1/16) as va"
    torch.manual_seed(0)
    model = revc.compile(HEAD + PAIR.format(f"{body}\n a += linear(b)\n undo {body}"))
    model.bits.mode = "audit"
    inputs = torch.randn(2, 3, 5, 8)
    for value, was in zip(model.inverse(model(*inputs)), inputs, strict=True):
        torch.testing.assert_close(value, was, atol=1e-6, rtol=0)


def test_a_later_run_takes_the_file_of_an_earlier_one(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = revc.compile(HEAD + PAIR.format("valve a by logistic(linear(b), step = 1/16) as va"))
    model.bits.spill = tmp_path / "tape"
    first, second = (model(*torch.randn(2, 3, 5, 8)) for _ in range(2))
    with pytest.raises(BindError, match="written over"):
        model.inverse(first)
    model.inverse(second)


def test_throttles_are_checked_however_they_are_set() -> None:
    valve = "valve a by logistic(linear(b), step = 1/16) as va"
    model = revc.compile(HEAD + PAIR.format(valve) + "budget net(Net.va) <= 1 bits/token\n")
    model.throttle.update({"Net.va": 0.5})
    assert model.throttle["Net.va"] == model.throttle["va"] == 0.5
    with pytest.raises(BindError, match="in \\[0, 1\\]"):
        model.throttle.update({"va": -3.0})
    with pytest.raises(BindError, match="no valve"):
        model.throttle["other"]
    del model.throttle["va"]
    assert model.throttle["va"] == 1.0


def test_the_ledger_knows_its_meters_and_accounts() -> None:
    model, inputs = make(SPECS["logistic valve"])
    ledger = model(**inputs).ledger
    (name, *_) = model.interface.plan.names
    assert torch.equal(ledger.bits("net", f"Net.{name}"), ledger.bits("net", name))
    with pytest.raises(BindError, match="no meter other"):
        ledger.bits("written", "other")
    with pytest.raises(BindError, match="no account"):
        ledger.bits("lent", name)


def test_a_tape_file_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    model, inputs = make(SPECS["logistic valve"])
    model.bits.spill = tmp_path / "nowhere" / "tape"
    with pytest.raises(OutputError, match="cannot write"):
        model(**inputs)


def test_a_setting_that_there_is_not_is_an_error() -> None:
    model, _ = make(SPECS["scale"])
    with pytest.raises(AttributeError, match="sede"):
        model.bits.sede = 3  # type: ignore[attr-defined]
