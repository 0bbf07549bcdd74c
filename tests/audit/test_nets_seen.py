"""`revc show --nets`: what becomes of a spec's nets, without running them."""

from pathlib import Path

import torch
from typer.testing import CliRunner

from revc.audit.nets_seen import nets_seen
from revc.cli.app import app

SPEC = """use std.nets: mlp
dim B, T
state lattice(Q12.20)
net H(x: [B, T, 8]) -> [B, T, 8]
model M(a, b: [B, T, 8]) {
  repeat 3 {
    net F(x: [B, T, 8]) -> [B, T, 8] = torch "torch.nn:TransformerEncoderLayer"(8, 2)
    net R(x: [B, T, 8]) -> [B, T, 8] = torch "torch.nn:RReLU"()
    a += F(b) + R(b) + H(b)
    b += mlp(a, width = 16)
  }
}
"""


def test_nets_are_told_with_what_they_draw_and_why_they_are_called() -> None:
    before = torch.get_rng_state()
    rows = {row.name: (row, count) for row, count in nets_seen(SPEC, {"T": 3})}
    assert torch.equal(torch.get_rng_state(), before)
    assert [rows[name][0].how for name in ("F", "R", "H")] == ["captured", "called", "not run"]
    assert (rows["F"][0].bits, rows["F"][1]) == (128, 3)
    assert "rrelu" in rows["R"][0].why
    assert "bound in Python" in rows["H"][0].why
    assert all(row.why for row, _ in nets_seen(SPEC, allowed=[]) if row.how == "not run")


def test_the_command_prints_a_net_a_line(tmp_path: Path) -> None:
    (tmp_path / "m.rev").write_text(SPEC)
    result = CliRunner().invoke(app, ["show", str(tmp_path / "m.rev"), "--nets", "-D", "T=3"])
    assert result.exit_code == 0, result.output
    assert "F x 3" in result.stdout
    assert "captured, draws 128 bits a call" in result.stdout
