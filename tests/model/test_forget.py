"""`forget`: what a program drops is kept by a run for its way back, and nothing else reaches it."""

import random
from pathlib import Path

import pytest
import torch
from torch import Tensor

import revc
from revc.errors import BindError
from revc.grammar.diagnostics import SpecError
from revc.passes.invert import invert
from revc.passes.lint import lint
from revc.passes.spec import build
from tests.model.laws import gradients
from tests.model.reference import Reference
from tests.schedule.actions import drawn

SPEC = """use std.nets: linear, mlp
dim B
state lattice(Q12.20)
block Down(x: [B, 8]) -> (y: [B, 4]) {
  alloc y: [B, 4] = linear(x, out = 4)
  forget x  # revc: allow(L110) reason = "a head"
}
model Net(x: [B, 16], z: [B, 8]) -> (y: [B, 4], z: [B, 8]) {
  z += linear(x, out = 8)
  alloc w: [B, 8] = mlp(x, width = 12, out = 8)
  forget x  # revc: allow(L110) reason = "a stem"
  repeat 2 {
    z += mlp(w, width = 4)
    alloc v: [B, 8] = w + linear(z)
    forget w  # revc: allow(L110) reason = "an ordinary layer"
    split v -> w
  }
  emit middle = tanh(w)
  Down(w)
}
"""


def made() -> tuple[revc.ReversibleModel, Tensor, Tensor]:
    torch.manual_seed(0)
    x, z = torch.randn(3, 16), torch.randn(3, 8)
    inputs = (value.double().requires_grad_() for value in (x, z))
    return revc.compile(SPEC).double(), *inputs


def loss(out: object) -> Tensor:
    return sum((value * value).sum() for value in out)  # type: ignore[attr-defined]


def test_gradients_are_those_of_plain_autograd() -> None:
    model, x, z = made()
    leaves = [x, z, *model.parameters()]
    found = gradients(loss(model(x, z)), leaves)
    program = build(SPEC, nets=())
    nets = [model.get_submodule(f"nets.{slot.name}") for slot in program.model.nets]
    wanted = gradients(loss(Reference(program, nets)(x=x, z=z).values()), leaves)
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("seed", range(6))
def test_any_schedule_gives_the_same_gradients(seed: int) -> None:
    model, x, z = made()
    leaves = [x, z, *model.parameters()]
    wanted = gradients(loss(model(x, z)), leaves)
    plans = [step.segment.plan for step in model.steps({"B": 3})]
    draw = random.Random(seed)
    model.schedule = [drawn(plan, draw) for plan in plans] if seed else "save"
    for one, other in zip(gradients(loss(model(x, z)), leaves), wanted, strict=True):
        assert torch.equal(one, other)


def test_a_way_back_can_be_gone_again_and_from_the_middle() -> None:
    model, x, z = made()
    leaves = [x, z, *model.parameters()]
    out = model(x, z)
    first = gradients(loss(out), leaves[:0] or leaves)
    out = model(x, z)
    again = [
        torch.autograd.grad(loss(out), leaves, retain_graph=True, allow_unused=True)
        for _ in range(2)
    ]
    for found in again:
        assert all(
            torch.equal(one, g) for one, g in zip(first, found, strict=True) if g is not None
        )
    alone = torch.autograd.grad(out.middle.sum(), x)[0]
    assert torch.equal(alone, torch.autograd.grad(model(x, z).middle.sum(), x)[0])


def test_only_what_is_forgotten_is_kept_and_only_for_a_way_back() -> None:
    model, x, z = made()
    out = model(x, z)
    run = run_of(out)
    assert sum(v.nbytes for kept in run.kept.values() for v in kept.values) == 4 * 3 * (
        16 + 8 + 8 + 8
    )
    loss(out).backward()
    assert run.kept == {}
    with torch.no_grad():
        assert torch.equal(model(x, z).y, out.y)


def run_of(out: object) -> object:
    """Return the run that a result's graph leads to."""
    waiting = [out.y.grad_fn]  # type: ignore[attr-defined]
    while waiting:
        node = waiting.pop()
        if hasattr(node, "run"):
            return node.run
        waiting += [other for other, _ in node.next_functions if other is not None]
    raise AssertionError("no run")


def test_nothing_goes_back_beyond_it() -> None:
    model, x, z = made()
    out = model(x, z)
    for call in (
        lambda: model.inverse(out), lambda: model.inverse(y=out.y, z=out.z),
        lambda: model.compress(x, z), lambda: model.decompress(b""), lambda: model.sample(2),
        lambda: model.score(x, z),
    ):  # fmt: skip
        with pytest.raises(BindError, match="Net forgets `x` on line 6, and reversibility ends"):
            call()
    with pytest.raises(SpecError, match="L111"):
        invert(SPEC)
    with pytest.raises(torch._dynamo.exc.Unsupported, match="forgets nothing"):
        torch.compile(model, backend="eager", fullgraph=True)(x, z)


def test_lint_says_where_reversibility_ends() -> None:
    assert lint(SPEC).findings == ()
    bare = "\n".join(line.split("  # revc")[0] for line in SPEC.split("\n"))
    assert [(f.code, f.span.line, f.level) for f in lint(bare).findings] == [
        ("L110", line, "warn") for line in (6, 11, 15)
    ]
    assert {verdict.verdict for verdict in lint(bare).proofs} == {"FORGETS"}


@pytest.mark.parametrize(
    "body", ["undo forget x", "uncall Down(y)", "undo repeat 2 {\nforget x\n}"]
)
def test_what_forgets_cannot_be_undone(body: str) -> None:
    head = SPEC.split("model")[0]
    found = lint(f"{head}model N(x: [B, 8], y: [B, 4]) {{\n{body}\n}}\n").findings
    assert "L111" in {finding.code for finding in found} or "L105" in {f.code for f in found}


def test_an_artifact_forgets_alike(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from revc.artifact.package import package

    package(SPEC, tmp_path / "forgetting_artifact")
    monkeypatch.syspath_prepend(str(tmp_path))
    import forgetting_artifact  # type: ignore[import-not-found]

    model, x, z = made()
    loaded = forgetting_artifact.load().double()
    loaded.load_state_dict(model.state_dict())
    pairs = zip(
        gradients(loss(model(x, z)), [x, z, *model.parameters()]),
        gradients(loss(loaded(x, z)), [x, z, *loaded.parameters()]), strict=True,
    )  # fmt: skip
    assert all(torch.equal(one, other) for one, other in pairs)
    with pytest.raises(BindError, match="forgets"):
        loaded.inverse(loaded(x, z))


@pytest.mark.parametrize("schedule", ["invert", "keep", "save"])
def test_a_size_may_be_that_of_what_is_forgotten_alone(schedule: str) -> None:
    body = "  z += linear(x[:, 0])\n  forget x\n"
    takes = "x: [B, T, 8], z: [B, 8]"
    text = f"use std.nets: linear\ndim B, T\nstate lattice(Q12.20)\nmodel N({takes}) -> (z: [B, 8])"
    model = revc.compile(f"{text} {{\n{body}}}\n", schedule=schedule)
    x, z = torch.randn(2, 5, 8, requires_grad=True), torch.randn(2, 8)
    (found,) = torch.autograd.grad(model(x, z).z.sum(), x)
    weight = model.get_parameter("nets.linear_0.weight")
    torch.testing.assert_close(found[:, 0], weight.sum(0).expand(2, 8))
    assert not found[:, 1:].any()
