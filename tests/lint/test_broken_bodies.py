"""Statements that are refused take registers away from others: lint says so, and goes on."""

import pytest

from revc.passes.lint import lint

HEAD = "dim B\nstate lattice(Q12.20)\n"
LOOPS = (
    "repeat 2 {\n    join p, q -> a\n    negate b\n  }",
    "repeat 2 {\n    repeat 2 {\n      negate a\n      negate b\n      join p, q -> a\n    }\n  }",
    "repeat 2 { reshape a to [B, 2, 2] }",
    "repeat 2 { repeat 2 { reshape a to [B, 2, 2] } }",
)


def denied(text: str) -> list[tuple[str, int]]:
    return [(f.code, f.span.line) for f in lint(text).findings if f.level == "deny"]


@pytest.mark.parametrize("budget", ["", "budget put(Net.f) <= 9 bits/element\n"])
@pytest.mark.parametrize("loop", LOOPS)
def test_a_loop_that_loses_registers(loop: str, budget: str) -> None:
    scale = "scale b by 0.25 as f"
    found = denied(f"{HEAD}model Net(a, b: [B, 4]) {{\n  {scale}\n  {loop}\n}}\n{budget}")
    wanted = {"L105"} if "reshape" in loop else {"S002"}
    assert {code for code, _ in found} == wanted


@pytest.mark.parametrize("call", ["uncall Bl(a)", "h: uncall Bl(a)", "repeat 2 { uncall Bl(a) }"])
def test_an_uncall_of_a_block_that_gives_other_types(call: str) -> None:
    block = "block Bl(x: [B, 4, 2, 4]) {\n  squeeze x by 2\n}\n"
    text = f"{HEAD}{block}model Net(a: [B, 4, 2, 4]) {{\n  {call}\n}}\n"
    assert denied(text) == [("S004", 7)]
    assert denied(text.replace(call, "Bl(a)")) == []
