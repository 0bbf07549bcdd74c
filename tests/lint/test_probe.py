"""What running nets and bijections shows of them, and what their source tells of state."""

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from revc.audit.probe import Prober
from revc.audit.probe_watch import watched
from revc.errors import BindError
from revc.grammar.diagnostics import Diagnostic
from revc.passes.analysis.state_scan import state_kept
from revc.passes.lint import lint
from revc.runtime.nets.called import run
from revc.runtime.nets.leaf import Leaf

D = 8


class Own(nn.Module):
    """A module whose forward is given; `n` is a buffer, `calls` a number."""

    def __init__(self, f) -> None:
        super().__init__()
        self.f, self.calls = f, 0
        self.register_buffer("n", torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        return self.f(self, x)


def counted(self: Own, x: Tensor) -> Tensor:
    self.calls += 1
    return x.tanh()


def remembered(self: Own, x: Tensor) -> Tensor:
    self.last = x.detach()
    return x.tanh()


generator = torch.Generator().manual_seed(3)
WATCHED = {
    "quiet": (nn.Tanh(), "silent", {}),
    "batch norm": (nn.BatchNorm1d(D), "unknown", {"D602": True}),
    "a counter": (Own(counted), "unknown", {"D602": False}),
    "a note": (Own(remembered), "silent", {}),
    "a write to a buffer": (Own(lambda s, x: x * s.n.add_(1)), "unknown", {"D602": True}),
    "dropout": (nn.Dropout(0.5), "charged", {}),
    "a generator of its own": (
        Own(lambda s, x: x + torch.randn(D, generator=generator)), "unknown", {"D601": True}
    ),
    "two modes": (Own(lambda s, x: 2 * x if s.training else x), "silent", {"D603": True}),
    "a mean over the batch": (Own(lambda s, x: x - x.mean(0)), "silent", {"D604": True}),
    "the batch's size": (Own(lambda s, x: x / x.shape[0]), "silent", {"D604": True}),
}  # fmt: skip


@pytest.mark.parametrize("name", WATCHED)
def test_what_a_net_is_seen_to_do(name: str) -> None:
    net, verdict, seen = WATCHED[name]
    found = watched(net, "m:Net", [torch.randn(4, D)])
    assert found.verdict == verdict
    assert {one.code: one.certain for one in found.seen} == seen


@pytest.mark.parametrize("name", [name for name, row in WATCHED.items() if "D602" in row[2]])
def test_what_certainly_changes_is_refused_as_it_runs(name: str) -> None:
    net, _, seen = WATCHED[name]
    named = dict(net.train().named_parameters())
    flags = tuple(True for _ in net.modules())
    leaf = Leaf(net, tuple(named.values()), "F", None, names=tuple(named), training=flags)
    if not seen["D602"]:
        run(leaf, (torch.randn(4, D),))
        return
    with pytest.raises(BindError, match="as it runs"):
        run(leaf, (torch.randn(4, D),))


def test_the_reason_is_what_capture_knows() -> None:
    (mixed,) = watched(Own(lambda s, x: x - x.mean(0)), "m:Net", [torch.randn(4, D)]).seen
    assert "mixes examples" in mixed.what
    (sized,) = watched(Own(lambda s, x: x / x.shape[0]), "m:Net", [torch.randn(4, D)]).seen
    assert "32 of 32" not in sized.what
    assert "the first of 4 examples, run alone, differs in 8 of 8 values" in sized.what


def test_what_draws_is_charged_if_capture_has_a_key_for_it() -> None:
    found = watched(nn.Dropout(0.5), "m:Net", [torch.randn(4, D)])
    assert (found.verdict, "bernoulli" in found.why) == ("charged", True)
    branch = Own(lambda s, x: torch.rand_like(x) if x.sum() > 1e9 else x + torch.rand_like(x))
    found = watched(branch, "m:Net", [torch.randn(4, D)])
    assert found.verdict == "unknown"
    assert "not captured: its numbers decide what it computes" in found.why


SOURCE = """
import torch
from torch import nn

class Base(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("n", torch.zeros(1))
        self.calls, self.table = 0, []

class Net(Base):
    def forward(self, x):
        {}
        return x
"""
STATE = {
    "self.n += 1": True,
    "self.n.add_(1)": True,
    "self.n[0] = x.sum()": True,
    "self.n = 0.9 * self.n + x.mean()": True,
    "self.calls += 1": False,
    "self.table[0] = 3": False,
    "self.last = x.detach()": None,
    "y = x.add_(1)": None,
    "n = self.n + 1": None,
}


def target(source: str, folder: Path, patch: pytest.MonkeyPatch) -> str:
    name = f"kept_{abs(hash(source))}"
    (folder / f"{name}.py").write_text(source)
    patch.syspath_prepend(str(folder))
    return f"{name}:Net"


@pytest.mark.parametrize("line", STATE)
def test_writes_are_found_in_the_source(
    line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = state_kept(target(SOURCE.format(line), tmp_path, monkeypatch))
    assert (None if found is None else found.certain) == STATE[line]


LAYERS = {
    "BatchNorm2d(8)": True,
    "BatchNorm2d(8, track_running_stats=False)": False,
    "BatchNorm2d(8, 1e-5, 0.1, True, False)": False,
    "InstanceNorm1d(8)": False,
    "InstanceNorm1d(8, track_running_stats=True)": True,
    "GroupNorm(2, 8)": False,
}


@pytest.mark.parametrize("layer", LAYERS)
def test_layers_with_statistics_are_found_where_they_are_made(
    layer: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = (
        "from torch import nn\nclass Net(nn.Module):\n    def __init__(self):\n"
        f"        super().__init__()\n        self.s = nn.Sequential(nn.{layer}, nn.ReLU())\n"
        "    def forward(self, x):\n        return self.s(x)\n"
    )
    assert (state_kept(target(source, tmp_path, monkeypatch)) is not None) == LAYERS[layer]
    module = eval(f"nn.{layer}", {"nn": nn})
    assert getattr(module, "track_running_stats", False) == LAYERS[layer]


def findings(text: str) -> list[Diagnostic]:
    return list(lint(f"dim B, c = 8\nstate lattice(Q12.20)\n{text}", probe=Prober()).findings)


def test_a_number_that_is_kept_is_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    net = target(SOURCE.format("self.calls += 1"), tmp_path, monkeypatch)
    body = f'net F(x: [B, c]) -> [B, c] = torch "{net}"\na += F(b)\nb += tanh(a)\n'
    (found,) = findings(f"model M(a, b: [B, c]) {{\n{body}}}\n")
    assert (found.code, found.level) == ("D602", "warn")
    assert found.message.startswith(f"`F` ({net}) changes as it runs: ")


BIJECTIONS = {
    ("torch:sinh", "torch:asinh"): None,
    ("torch.nn:Identity", "torch.nn:Identity"): None,
    ("torch:abs", "torch.nn:Identity"): "at input #2, -1e-06 comes back as 1e-06",
    ("torch:log", "torch:exp"): "at input #2, -1e-06 comes back as nan",
    ("torch:cos", "no.such:thing"): None,
    ("torch:nothing_at_all", "torch:exp"): None,
}


@pytest.mark.parametrize("pair", BIJECTIONS, ids=lambda pair: pair[0])
def test_a_declared_inverse_is_tried(pair: tuple[str, str]) -> None:
    assert Prober().undone(*pair) == BIJECTIONS[pair]


def test_nothing_is_imported_that_may_not_be() -> None:
    assert Prober(["json"]).undone("torch:abs", "torch:abs") is None
    assert Prober(["torch"]).undone("torch:abs", "torch:abs") is not None
