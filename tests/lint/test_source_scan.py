"""Random calls in torch classes are found in their source, without importing it."""

import subprocess
import sys
from pathlib import Path

import pytest

from revc.passes.analysis.source_scan import random_call
from revc.passes.lint import lint

SOURCE = """
import torch
from torch import nn
from .other import Renamed as Brought
from .stars import *

class Clean(nn.Module):
    def __init__(self):
        self.w = torch.randn(3)
        self.off = nn.Dropout(0)
        self.named = nn.Dropout(p=0.0)
    def forward(self, x):
        return x.normalise()

class Layer(nn.Module):
    def __init__(self, p):
        self.drop = nn.Dropout(p)

class Call(nn.Module):
    def forward(self, x):
        return x + torch.randn_like(x)
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    folder = tmp_path / "scanned_pkg"
    folder.mkdir()
    (folder / "__init__.py").write_text(SOURCE)
    (folder / "other.py").write_text("class Renamed:\n    def f(self):\n        bernoulli(1)\n")
    (folder / "stars.py").write_text("class Star:\n    def f(self):\n        torch.rand(1)\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    return "scanned_pkg"


@pytest.mark.parametrize(
    ("name", "call"),
    [("Clean", None), ("Layer", "Dropout"), ("Call", "randn_like"), ("Star", "rand"),
     ("Nothing", None)],
)  # fmt: skip
def test_what_a_class_calls(package: str, name: str, call: str | None) -> None:
    assert random_call(f"{package}:{name}") == call


def test_a_module_that_is_not_there() -> None:
    assert random_call("no.such.module:Class") is None


def test_a_torch_layer_is_found_and_a_rate_of_0_is_believed() -> None:
    spec = """dim B, T
state lattice(Q12.20)
model M(a, b: [B, T, 8]) {{
  net F(x: [B, T, 8]) -> [B, T, 8] = torch "torch.nn:TransformerEncoderLayer"(8, 2{rate})
  a += F(b)
}}
"""
    (finding,) = lint(spec.format(rate="")).findings
    assert finding.code == "R401"
    assert "`F` draws random numbers (torch.nn:TransformerEncoderLayer has `Dropout`)" in (
        finding.message
    )
    assert lint(spec.format(rate=", dropout = 0")).findings == ()


def test_scanning_torch_does_not_import_it() -> None:
    code = (
        "import sys; from revc.passes.analysis.source_scan import random_call; "
        "random_call('torch.nn:TransformerEncoderLayer'); "
        "print(sorted(m for m in sys.modules if m == 'torch' or m.startswith('torch.')))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
