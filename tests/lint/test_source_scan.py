"""What torch nets draw random numbers by: found in their source, seen when they run, or not known.

The classes are what people write: a rate in an argument, a layer in a submodule, a helper.
"""

import subprocess
import sys
from pathlib import Path

import pytest

from revc.audit.probe import Prober
from revc.passes.analysis.source_scan import random_call
from revc.passes.analysis.torch_layers import DRAWS, QUIET, RATED, RATES
from revc.passes.lint import LintResult, lint

HEAD = """
import random, time
import numpy as np
import torch, torch.nn.functional as F
from torch import nn
from torch.distributions import Normal
from .other import Helper, shaken
from .stars import *

def noise(x):
    return x + torch.randn_like(x)

class Block(nn.Module):
    def __init__(self, p=0.1):
        super().__init__()
        self.p, self.drop = p, nn.Dropout(p)
    def forward(self, x):
        return self.drop(x)

class Base(nn.Module):
    def __init__(self):
        super().__init__()
        self.w = nn.Parameter(torch.ones(8))
        nn.init.uniform_(self.w)
    def forward(self, x):
        return self.change(x) * self.w

class Module(nn.Module):
    def __init__(self):
        super().__init__()
        self.w = nn.Parameter(torch.rand(8))
"""
OTHER = """
import torch
from torch import nn
class Helper(nn.Module):
    def forward(self, x):
        return torch.bernoulli(x.sigmoid())
def shaken(x):
    return x + torch.rand(8)
"""
STARS = """
from torch import nn
class Star(nn.Module):
    def forward(self, x):
        return nn.functional.dropout(x, 0.5)
"""
FORWARD = "class Net(Module):\n    def forward(self, x):\n        {}\n"
MADE = (
    "class Net(nn.Module):\n    def __init__(self, p=0.1):\n        super().__init__()\n"
    "        {}\n    def forward(self, x):\n        {}\n"
)
RANDOM = {
    "a helper": FORWARD.format("return noise(x)"),
    "a helper of a file": FORWARD.format("return shaken(x)"),
    "a fill": FORWARD.format("return x + torch.empty_like(x).uniform_()"),
    "numpy": FORWARD.format("return x * float(np.random.rand())"),
    "python": FORWARD.format("return x * random.random()"),
    "a clock": FORWARD.format("return x * (time.time() % 1)"),
    "a distribution": FORWARD.format("return x + Normal(0.0, 1.0).sample(x.shape)"),
    "a function with a rate": FORWARD.format("return F.dropout(x, 0.5)"),
    "a function's own rate": FORWARD.format("return F.alpha_dropout(x, training=True)"),
    "a method": FORWARD.format("return self.shake(x)")
    + "    def shake(self, x):\n        return torch.randn(8) + x\n",
    "a method that a base calls": "class Net(Base):\n    def change(self, x):\n"
    "        return torch.rand_like(x)\n",
    "a layer": MADE.format("self.d = nn.Dropout(p)", "return self.d(x)"),
    "a layer in a list": MADE.format(
        "self.ls = nn.ModuleList([nn.Linear(8, 8), nn.Dropout(0.2)])", "return self.ls[1](x)"
    ),
    "a layer of a submodule": MADE.format("self.b = Block(p)", "return self.b(x)"),
    "a submodule of a file": MADE.format("self.b = Helper()", "return self.b(x)"),
    "a submodule by a star": MADE.format("self.b = Star()", "return self.b(x)"),
    "an LSTM": MADE.format("self.r = nn.LSTM(8, 8, 2, dropout=p)", "return self.r(x)[0]"),
    "attention": MADE.format(
        "self.a = nn.MultiheadAttention(8, 2, p)", "return self.a(x, x, x)[0]"
    ),
    "a layer that it is": "class Net(nn.Dropout):\n    pass\n",
    "a layer that its base is": "class Mid(nn.Dropout):\n    pass\n"
    "class Net(Mid):\n    def __init__(self, p=0.1):\n        super().__init__(p)\n",
    "a rate kept": MADE.format("self.p = p", "return F.dropout(x, self.p)"),
}
SILENT = {
    "a rate of 0": MADE.format("self.d = nn.Dropout(0.0)", "return self.d(x)"),
    "an identity called dropout": MADE.format(
        "self.dropout = nn.Identity()", "return self.dropout(x)"
    ),
    "a layer called normal": MADE.format("self.normal = nn.Linear(8, 8)", "return self.normal(x)"),
    "initial values": FORWARD.format("return x * self.w"),
    "a base's initial values": "class Net(Base):\n    def change(self, x):\n"
    "        return x.tanh()\n",
    "a layer that it is, at a rate of 0": "class Net(nn.Dropout):\n"
    "    def __init__(self, p=0.1):\n        super().__init__(p=0.0)\n",
    "a layer that it is, with another forward": "class Net(nn.Dropout):\n"
    "    def forward(self, x):\n        return x.tanh()\n",
    "not in training": FORWARD.format("return F.dropout(x, 0.5, training=False)"),
    "a method that nothing calls": FORWARD.format("return x.tanh()")
    + "    def shake(self, x):\n        return torch.randn(8) + x\n",
}
SEEN = {  # what no text of theirs tells
    "an own generator": MADE.format(
        "self.g = np.random.default_rng()", "return x * float(self.g.normal())"
    ),
    "a name that is computed": FORWARD.format("return x * getattr(torch, 'ra' + 'nd')(8)"),
}


def spec(target: str, args: str = "") -> str:
    return f"""dim B, T
state lattice(Q12.20)
model M(a, b: [B, T, 8]) {{
  net F(x: [B, T, 8]) -> [B, T, 8] = torch "{target}"({args})
  a += F(b)
}}
"""


@pytest.fixture
def brought(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> str:
    """Return the target of the class ``Net`` of a package whose source is the test's `source`."""
    name = f"scanned_{abs(hash(request.node.name))}"
    folder = tmp_path / name
    folder.mkdir()
    (folder / "__init__.py").write_text(HEAD + request.getfixturevalue("source"))
    (folder / "other.py").write_text(OTHER)
    (folder / "stars.py").write_text(STARS)
    monkeypatch.syspath_prepend(str(tmp_path))
    return f"{name}:Net"


def told(result: LintResult) -> tuple[bool, str]:
    """Return whether R401 speaks, or D601, and the model's verdict."""
    return any(d.code in ("R401", "D601") for d in result.findings), result.proofs[-1].verdict


FOREIGN = ("numpy", "python", "a clock")
TORCHS = {name: source for name, source in RANDOM.items() if name not in FOREIGN}


@pytest.mark.parametrize("source", [RANDOM[name] for name in FOREIGN], ids=FOREIGN)
def test_what_nobody_can_give_again_is_refused(brought: str, source: str) -> None:
    assert told(lint(spec(brought))) == (True, "UNKNOWN")
    assert told(lint(spec(brought), probe=Prober())) == (True, "UNKNOWN")


@pytest.mark.parametrize("source", TORCHS.values(), ids=TORCHS)
def test_what_torch_draws_is_charged(brought: str, source: str) -> None:
    for probe in (None, Prober()):
        result = lint(spec(brought), probe=probe)
        assert told(result) == (False, "ASSUMED")
        assert "from a key that is charged" in "\n".join(result.proofs[0].lines())


@pytest.mark.parametrize("source", SILENT.values(), ids=SILENT)
def test_others_are_not_but_only_what_was_run_is_proved(brought: str, source: str) -> None:
    assert told(lint(spec(brought))) == (False, "UNKNOWN")
    assert told(lint(spec(brought), probe=Prober())) == (False, "PROVED")


@pytest.mark.parametrize("source", SEEN.values(), ids=SEEN)
def test_a_probe_sees_what_no_text_tells(brought: str, source: str) -> None:
    assert told(lint(spec(brought))) == (False, "UNKNOWN")
    found = (False, "ASSUMED") if source == SEEN["a name that is computed"] else (True, "UNKNOWN")
    assert told(lint(spec(brought), probe=Prober())) == found


@pytest.mark.parametrize("source", [RANDOM["a layer"]])
def test_a_rate_is_what_the_spec_says(brought: str, source: str) -> None:
    assert told(lint(spec(brought, "p = 0.0"))) == (False, "UNKNOWN")
    assert told(lint(spec(brought, "0.5"))) == (False, "ASSUMED")
    assert random_call(brought, [0.0]) is None


BUFFERS = MADE.format(
    'self.register_buffer("n", torch.zeros(1))', "self.n += 1\n        return x * self.n"
)


@pytest.mark.parametrize("source", [BUFFERS])
def test_what_keeps_state_is_not_proved(brought: str, source: str) -> None:
    result = lint(spec(brought), probe=Prober())
    assert told(result) == (False, "UNKNOWN")
    assert "its `n` is another after a call" in "\n".join(result.proofs[0].lines())


@pytest.mark.parametrize("target", ["no.such.module:Class", "json:Nothing", "torch.nn:NoSuchLayer"])
def test_what_cannot_be_run_is_not_known(target: str) -> None:
    assert random_call(target) is None
    for probe in (None, Prober()):
        assert told(lint(spec(target), probe=probe)) == (False, "UNKNOWN")


@pytest.mark.parametrize(
    ("layer", "args", "drawn"),
    [
        ("TransformerEncoderLayer", "8, 2", True),
        ("TransformerEncoderLayer", "8, 2, dropout = 0", False),
        ("LSTM", "8, 8, 2, true, true, 0.5", True),
        ("LSTM", "input_size = 8, hidden_size = 8", False),
        ("GRU", "8, 8, 2, dropout = 0.1", True),
        ("MultiheadAttention", "8, 2, dropout = 0.1", True),
        ("Dropout", "", True),
        ("Dropout", "0.0", False),
        ("RReLU", "", True),
        ("Linear", "8, 8", False),
        ("Identity", "", False),
    ],
)
def test_torchs_own_layers_are_known(layer: str, args: str, drawn: bool) -> None:
    verdict = "ASSUMED" if drawn else "PROVED"
    assert told(lint(spec(f"torch.nn:{layer}", args))) == (False, verdict)


def test_the_tables_name_what_torch_has() -> None:
    import torch

    assert all(hasattr(torch.nn, name) for name in (*QUIET, *RATES))
    for name in (*DRAWS, *RATED):
        owner = torch.nn.functional if ".functional." in name else torch
        assert hasattr(owner, name.rpartition(".")[2]) or name.count(".") == 1


def test_scanning_torch_does_not_import_it() -> None:
    code = (
        "import sys; from revc.passes.analysis.source_scan import random_call; "
        "random_call('torch.nn.modules.transformer:TransformerEncoder'); "
        "print(sorted(m for m in sys.modules if m == 'torch' or m.startswith('torch.')))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_classes_that_are_made_of_each_other_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "scanned_round.py").write_text("class A(B):\n    pass\n\nclass B(A):\n    pass\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert random_call("scanned_round:A") is None
