"""The benchmark of streaming tapes, on the CPU at a small size."""

import pytest
import torch

from benchmarks import streaming
from benchmarks.lm_measures import batch
from benchmarks.lm_setting import SETTINGS
from revc.runtime.bits import spill

TINY = SETTINGS["tiny"]


def test_a_streamed_tape_is_the_kept_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spill, "BLOCK_BYTES", 256)
    inputs, gradients, digests = batch(TINY, "cpu"), [], []
    for way in streaming.WAYS.values():
        model = streaming.made(TINY, "cpu", way)
        model.zero_grad()
        model.model.bits.seed = 7
        out = model.model(*inputs)
        stack = out.run.session.stacks["tape"]
        assert bool(stack.engine.spilled) == (way is not None)
        digests.append(stack.digest())
        out.loss.backward()
        gradients.append([p.grad for p in model.parameters() if p.grad is not None])
    assert digests[0] == digests[1]
    assert all(torch.equal(*pair) for pair in zip(*gradients, strict=True))


def test_rows_say_what_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spill, "BLOCK_BYTES", 256)
    found = {(row.name, row.unit): row.value for row in streaming.rows("tiny", "cpu")}
    whole = {name: found[f"tape of a step, {name}", "MiB"] for name in streaming.WAYS}
    held = {name: found[f"tape left on the device, {name}", "MiB"] for name in streaming.WAYS}
    assert whole["kept"] == whole["streamed"]
    assert held["streamed"] < whole["streamed"] / 2 < held["kept"]
    assert found["step, tape streamed", "x kept"] > 0
