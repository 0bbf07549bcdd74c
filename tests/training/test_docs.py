"""The loops of docs/training.md run, one after the other, and do what the page says."""

import re
from pathlib import Path
from typing import Any

import pytest
import torch

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "training.md").read_text()


def test_the_loops_run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(ROOT)
    torch.manual_seed(0)
    names: dict[str, Any] = {}
    for block in re.findall(r"^```python\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE):
        exec(compile(block, "docs/training.md", "exec"), names)
    alphas = [row["va"]["alpha"] for row in names["protocol"].history]
    assert alphas[:10] == [1.0] * 10
    assert alphas[-1] < 1
    assert capsys.readouterr().out.splitlines()[-1] == "16.0"
    assert names["alpha"].logit.grad is not None
