"""The language benchmark: a minute version of it, its arms' parameters, its data."""

import gzip
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from benchmarks import language_model, lm_data, lm_groups, lm_measures, lm_train
from benchmarks.lm_arms import Reversible, build, parameters, spec
from benchmarks.lm_data import Corpus, DataError, evenly, sample
from benchmarks.lm_groups import Job
from benchmarks.lm_plain import Plain
from benchmarks.lm_setting import ARMS, BUDGET, CHECKPOINT, PLAIN, REVC, SETTINGS, TRAINED, VALVES
from benchmarks.rows import Row

TINY = SETTINGS["tiny"]


def here(function: Callable[..., Any], **arguments: Any) -> Any:
    """Measure in this process."""
    return function(**arguments)


@pytest.fixture
def text(monkeypatch: pytest.MonkeyPatch) -> Corpus:
    letters = torch.arange(4096).remainder(7).add(97).to(torch.uint8)
    found = Corpus(letters[:3000], letters[3000:])
    monkeypatch.setattr(lm_train, "corpus", lambda _: found)
    return found


def batch() -> tuple[Tensor, Tensor]:
    return lm_measures.batch(TINY, "cpu")


@pytest.mark.parametrize("setting", SETTINGS)
def test_arms_have_as_many_parameters(setting: str) -> None:
    rows = list(lm_groups.sizes(Job(setting, run=here)))
    compared = [row for row in rows if row.target is not None]
    assert len(compared) == len(TRAINED) - 1
    assert all(row.met for row in compared)


def test_the_reversible_layers_are_the_plain_ones() -> None:
    assert parameters(build(REVC, TINY)) == parameters(build(PLAIN, TINY))
    assert "valve" not in spec(REVC, TINY)
    assert "budget" not in spec(VALVES, TINY)
    assert "w = 64" in spec(VALVES, TINY, even=False)
    assert f"w = {TINY.narrowed}" in spec(BUDGET, TINY)


def test_checkpointing_computes_the_same() -> None:
    plain, again = (build(arm, TINY) for arm in (PLAIN, CHECKPOINT))
    losses = [model(*batch()) for model in (plain, again)]
    for loss in losses:
        loss.backward()
    assert torch.equal(*losses)
    pairs = zip(plain.parameters(), again.parameters(), strict=True)
    assert all(torch.equal(x.grad, y.grad) for x, y in pairs if x.grad is not None)


def test_every_arm_starts_near_a_guess() -> None:
    for arm in ARMS:
        loss = build(arm, TINY)(*batch())
        assert float(loss.detach()) == pytest.approx(math.log(256), abs=0.3)


def test_the_plain_network_is_causal() -> None:
    network = build(PLAIN, TINY)
    assert isinstance(network, Plain)
    seen: list[Tensor] = []
    network.norm.register_forward_hook(lambda _module, _inputs, out: seen.append(out.detach()))
    tokens, targets = batch()
    network(tokens, targets)
    later = tokens.clone()
    later[:, 8:] += 1
    network(later.remainder(256), targets)
    assert torch.equal(seen[0][:, :8], seen[1][:, :8])
    assert not torch.equal(seen[0][:, 8:], seen[1][:, 8:])


def test_bits_weigh_in_training_alone() -> None:
    model = build(VALVES, TINY)
    assert isinstance(model, Reversible)
    model.pull = 1.0
    trained = float(model(*batch()).detach())
    model.eval()
    assert trained > float(model(*batch()).detach()) + 1


def test_a_minute_version_reports_every_figure(text: Corpus) -> None:
    job = Job("tiny", run=here)
    rows = {
        row.name: row for name in ("time", "quality") for row in language_model.GROUPS[name](job)
    }
    for arm in TRAINED:
        assert rows[f"validation loss, {arm}"].value == pytest.approx(5.5, abs=0.5)
        assert rows[f"training, {arm}, seed 0"].value is not None
    for arm in (VALVES, BUDGET):
        written, drawn, net = (
            rows[f"tape, {account}, {arm}"].value for account in ("written", "drawn", "net")
        )
        assert written is not None
        assert drawn is not None
        assert net == pytest.approx(written - drawn)
        assert written > 1.1 * TINY.channels * TINY.layers * 2
        assert rows[f"valves' part of a step, {arm}"].target == 0.1
        assert 0 < (rows[f"tape and ledger's part of a step, {arm}"].value or 0) < 0.5
    assert rows[f"validation loss, {REVC}"].target == rows[f"validation loss, {PLAIN}"].value
    assert 0.5 < (rows["throttle of va at the end"].value or 0) < 1
    charged = rows[f"charged to the budget, {BUDGET}"]
    assert charged.met
    assert (charged.value or 0) > 0


def test_peaks_are_compared_with_plain(text: Corpus) -> None:
    rows = {(row.name, row.unit): row for row in lm_groups.memory(Job("tiny", run=here))}
    assert all((rows[f"peak, {arm}", "MiB"].value or 0) > 0 for arm in ARMS)
    assert rows[f"peak, {CHECKPOINT}", "x plain"].target is None
    assert rows[f"peak, {VALVES}, chunks=2", "x plain"].target == 0.1


def test_what_was_trained_is_kept(tmp_path: Path) -> None:
    calls = []

    def once(function: Callable[..., Any], **how: Any) -> dict[str, Any]:
        calls.append(how)
        return {"loss": 1.0}

    job = Job("tiny", folder=tmp_path / "figures", run=once)
    assert lm_groups.trained(job, BUDGET, 0) == {"loss": 1.0}
    assert lm_groups.trained(job, BUDGET, 0) == {"loss": 1.0}
    assert len(calls) == 1
    lm_groups.trained(job, BUDGET, 1)
    assert len(calls) == 2
    (kept, _) = sorted(job.folder.glob("*.json")) if job.folder else ()
    kept.write_text(kept.read_text().replace('"steps": 4', '"steps": 5'))
    lm_groups.trained(job, BUDGET, 0)
    assert len(calls) == 3  # of another setting


def test_the_script_prints_rows(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    made = {"sizes": lambda _: iter([Row("parameters, plain", 5, "")])}
    monkeypatch.setattr(language_model, "GROUPS", made)
    language_model.main(["--setting", "tiny", "--json"])
    (row,) = json.loads(capsys.readouterr().out)
    assert (row["name"], row["value"]) == ("parameters, plain", 5)
    with pytest.raises(SystemExit):
        language_model.main(["--only", "tune"])


def test_windows_are_followed_by_their_targets() -> None:
    tokens = torch.arange(100)
    for inputs, targets in (
        sample(tokens, 5, 8, torch.Generator().manual_seed(0)),
        evenly(tokens, 5, 8),
    ):
        assert inputs.shape == targets.shape == (5, 8)
        assert torch.equal(inputs + 1, targets)
    assert evenly(tokens, 2, 8)[1][-1, -1] == 99


def test_without_the_text_the_reason_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands = tmp_path / "bin"
    commands.mkdir()
    monkeypatch.setenv("PATH", str(commands))
    with pytest.raises(DataError, match="there is no apt-get"):
        lm_data.fetch(tmp_path)
    offline = commands / "apt-get"
    offline.write_text("#!/bin/sh\necho no network >&2\nexit 100\n")
    offline.chmod(0o755)
    with pytest.raises(DataError, match=r"by hand(.|\n)*no network"):
        lm_data.corpus(256, tmp_path)


def test_the_text_is_split_by_position(tmp_path: Path) -> None:
    packed = tmp_path / "usr" / "share" / "dictd" / "gcide.dict.dz"
    packed.parent.mkdir(parents=True)
    packed.write_bytes(gzip.compress(b"line\n" * 200))
    found = lm_data.corpus(256, tmp_path)
    assert len(found.held_out) == 45  # whole lines of the last twentieth
    assert len(found.train) + len(found.held_out) == 1000
