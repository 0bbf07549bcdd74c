"""Verdicts and their proofs, and which findings count."""

import pytest

from revc.passes.lint import Selection, lint
from revc.passes.rules.registry import rule
from tests.conftest import Golden
from tests.passes.specs import FOLDER, HEAD

TRAPS = {
    "rotation": """
  let th = 2 * tanh(1.5 * a)
  a, b <- cos(th) * a - sin(th) * b, sin(th) * a + cos(th) * b""",
    "entanglement": "  a, b <- a + tanh(-(a + b)), b + tanh(-(a + b))",
}


def verdicts(spec: str) -> dict[str, str]:
    return {proof.subject: proof.verdict for proof in lint(spec).proofs}


def test_the_published_traps_are_refuted_with_a_witness() -> None:
    for body in TRAPS.values():
        spec = f"dim B, c\nstate lattice(Q12.20)\nmodel M(a, b: [B, c]) {{\n{body}\n}}\n"
        result = lint(spec)
        (proof,) = result.proofs
        assert proof.verdict == "REFUTED"
        (step,) = [step for step in proof.steps if step.verdict == "REFUTED"]
        assert "both go to" in step.reason
        (finding,) = result.findings
        assert step.reason in finding.message


def test_each_verdict() -> None:
    spec = f"""{HEAD}
bijection Warp = torch "m:Warp" inverse "m:unwarp"
block Proved(a, b: [B, T, c]) {{ a += tanh(b) }}
block Assumed(a: float32[B, T, c]) {{ apply a by Warp() }}
block Unknown(a: [B, T, c]) {{
  net F(x: [B, T, c]) -> [B, T, c] = norm(x)
  residual a by F
}}
block Refuted(a, b: [B, T, c]) {{ a, b <- a + tanh(-(a + b)), b + tanh(-(a + b)) }}
block Wrong(a: [B, T, c]) {{ a += nothing }}
block Caller(a, b: [B, T, c]) {{
  Proved(a, b)
  Unknown(a)
}}
"""
    assert verdicts(spec) == {
        "Proved": "PROVED",
        "Assumed": "ASSUMED",
        "Unknown": "UNKNOWN",
        "Refuted": "REFUTED",
        "Wrong": "UNKNOWN",
        "Caller": "UNKNOWN",
    }


@pytest.mark.parametrize("line", ["state lattice(Q12.21)", "dim c = 1/2\nstate lattice(Q12.20)"])
def test_nothing_is_proved_of_what_a_refused_line_should_say(line: str) -> None:
    text = f"dim B, T\n{line}\nblock K(a: [B, T]) {{ negate a }}\nmodel M(a: [B, T]) {{ K(a) }}\n"
    assert set(verdicts(text).values()) == {"UNKNOWN"}


def test_a_doubt_is_not_lost_when_the_caller_comes_first() -> None:
    spec = f"""{HEAD}
block Caller(a: [B, T, c]) {{ Unknown(a) }}
block Unknown(a: [B, T, c]) {{
  net F(x: [B, T, c]) -> [B, T, c] = norm(x)
  residual a by F
}}
"""
    assert set(verdicts(spec).values()) == {"UNKNOWN"}


def test_deny_unknown_names_the_blocks() -> None:
    spec = rule("B200").page.bad
    assert lint(spec).findings == ()
    (finding,) = lint(spec, Selection(deny=("unknown",))).findings
    assert (finding.code, finding.level) == ("B200", "deny")
    assert "`Couple` is not proved" in finding.message


def test_selections() -> None:
    spec = f"{HEAD}model M(a, b: [B, T, c]) {{\n a += a\n b += q\n put b by logistic(linear(a))\n}}"
    assert [d.code for d in lint(spec).findings] == ["B201", "S002", "M501"]
    assert [d.code for d in lint(spec, Selection(select=("S",))).findings] == ["S002"]
    assert [d.code for d in lint(spec, Selection(ignore=("S", "M50"))).findings] == ["B201"]
    raised = lint(spec, Selection(select=("M",), deny=("warnings",)))
    assert raised.denied
    assert not lint(spec, Selection(select=("M",))).denied
    assert lint(spec, Selection(select=("M",), deny=("M501",))).denied


def test_the_proof_of_a_library(golden: Golden) -> None:
    spec = (FOLDER / "integrators.rev").read_text()
    lines = [line for proof in lint(spec).proofs for line in proof.lines()]
    golden("lint/integrators.proof", "\n".join(lines) + "\n")
