"""Lipschitz bounds of nets by their parameters, and the verdicts of residuals that hang on them."""

import math
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

import revc
from revc.audit.weights import Weights, read_weights
from revc.errors import BindError
from revc.passes.lint import lint
from tests.cli.test_files import run

SPEC = """use std.nets: linear, mlp
dim B, c = 8
state lattice(Q12.20)
block K(a, b: [B, c]) {{
  net F(x: [B, c]) -> [B, c] = {net}
  {use}
}}
model M(a, b: [B, c]) {{
  K(a, b)
  repeat 2 {{ K(b, a) }}
}}
"""
NETS = (
    "linear(x)",
    "mlp(x, width = 16)",
    "mlp(x, width = 16, act = silu)",
    "0.5 * tanh(linear(x))",
)


def text(net: str, use: str) -> str:
    return SPEC.format(net=net, use=use)


def state(net: str, scale: float) -> dict[str, torch.Tensor]:
    """Return the parameters of the additive model with this net, of standard deviation `scale`."""
    torch.manual_seed(0)
    model = revc.compile(text(net, "a += F(b)"))
    return {name: scale * torch.randn_like(value) for name, value in model.state_dict().items()}


@pytest.mark.parametrize("net", NETS)
def test_the_verdict_is_that_of_the_weights(net: str) -> None:
    spec = text(net, "residual a by F")
    assert lint(spec).proofs[0].verdict == "UNKNOWN"
    small, large = (Weights(state(net, scale)) for scale in (0.01, 3.0))
    bounded = lint(spec, weights=small)
    assert [one.code for one in bounded.findings] == ["C901"]
    assert {proof.verdict for proof in bounded.proofs} == {"BOUNDED"}
    (steep,) = lint(spec, weights=large).findings
    assert (steep.code, "the bound is" in steep.message) == ("B202", True)
    assert lint(spec, weights=Weights({})).proofs[0].verdict == "UNKNOWN"


@pytest.mark.parametrize("net", NETS)
def test_no_two_values_are_further_apart_than_the_bound_says(net: str) -> None:
    weights = state(net, 0.2)
    model = revc.compile(text(net, "a += F(b)"))
    model.load_state_dict(weights)
    (found,) = lint(text(net, "residual a by F"), weights=Weights(weights)).proofs[0].steps
    told = found.reason if found.verdict == "BOUNDED" else ""
    if not told:
        (finding,) = lint(text(net, "residual a by F"), weights=Weights(weights)).findings
        told = finding.message
    bound = float(told.split()[-1])
    block = revc.compile(text(net, "a += F(b)").split("model")[0] + (
        "model M(a, b: [B, c]) { K(a, b) }\n"
    ))  # fmt: skip
    names = {key: value for key, value in weights.items() if ".repeat_" not in key}
    block.load_state_dict(names)
    zero, b = torch.zeros(64, 8), torch.randn(64, 8)
    near = b + 0.01 * torch.randn(64, 8)
    rises = (block(zero, near).a - block(zero, b).a).norm(dim=1) / (near - b).norm(dim=1)
    assert rises.max() <= bound * (1 + 1e-2)


def test_of_several_instances_the_greatest_counts() -> None:
    eye = torch.eye(8)
    spec = text("linear(x)", "residual a by F")
    for norms, verdict in (((0.5, 0.9), "BOUNDED"), ((0.5, 1.5), "UNKNOWN")):
        named = {f"nets.K_{i}.F.linear_0.weight": norm * eye for i, norm in enumerate(norms)}
        assert lint(spec, weights=Weights(named)).proofs[0].verdict == verdict


def test_what_has_no_bound() -> None:
    spec = text("mlp(x, width = 16, act = swiglu)", "residual a by F")
    weights = Weights(state("mlp(x, width = 16, act = swiglu)", 1e-3))
    assert lint(spec, weights=weights).proofs[0].verdict == "UNKNOWN"
    eye = torch.eye(8)
    odd = {"nets.F.linear_0.weight": eye * math.nan}
    spec = text("linear(x)", "residual a by F")
    assert lint(spec, weights=Weights(odd)).proofs[0].verdict == "UNKNOWN"


@pytest.mark.parametrize("suffix", ["safetensors", "pt"])
def test_the_command_reads_files(suffix: str, tmp_path: Path) -> None:
    weights = state("linear(x)", 0.01)
    path = tmp_path / f"w.{suffix}"
    if suffix == "pt":
        torch.save(weights, path)
    else:
        save_file(weights, path)
    (tmp_path / "spec.rev").write_text(text("linear(x)", "residual a by F"))
    done = run("lint", tmp_path / "spec.rev", "--weights", path)
    assert (done.returncode, "K BOUNDED, M BOUNDED" in done.stdout) == (1, True)


def test_other_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.pt").write_bytes(b"no archive")
    torch.save([1, 2], tmp_path / "b.pt")
    (tmp_path / "c.safetensors").write_bytes(b"x" * 20)
    for name in ("a.pt", "b.pt", "c.safetensors", "gone.pt"):
        with pytest.raises(BindError, match=f"--weights .*{name}: "):
            read_weights(tmp_path / name)
