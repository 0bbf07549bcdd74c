"""A part of a register may hold nothing: `a[:, 1:]` of sequences of length one."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

import revc
from revc.errors import BindError
from tests.model.laws import gradients, randomize

NETS = "use std.nets: attention, mlp, norm, linear, gate, embedding, dropout, cross_entropy"
BODIES = (
    "a[:, 1:] += tanh(b[:, :-1])",
    "a[:, 1:] += mlp(norm(b[:, :-1]), width = 3)",
    "a[:, 1:] += gate(norm(b[:, :-1], kind = rms))",
    "a[:, 1:] += dropout(b[:, :-1], p = 0.5)",
    "a[:, 1:] += attention(b[:, :-1], heads = 2)",
    "a[:, 1:] += attention(b[:, :-1], heads = 2, rotary = true, causal = true)",
    "a[:, 1:] += attention(b[:, :-1], heads = 2, window = 2)",
    "a[:, 1:] += embedding(5, k[:, 1:], out = 4)",
    "k[:, 1:] += 1",
    "negate a[:, 1:]",
    "mix a[:, 1:] by permutation(3)",
    "mix a[:, 1:] by orthogonal()",
    "mix a[:, 1:] by lu()",
    "scale a[:, 1:] by sigmoid(b[:, :-1]) in [1/4, 2]",
    "apply a[:, 1:] by softsign()",
    "valve a[:, 1:] by logistic(linear(b[:, :-1], out = 8), step = 1/16)",
    "valve k[:, 1:] by softmax(linear(b[:, :-1], out = 5))",
    "repeat T - 1 as t share { a[:, t] += linear(b[:, t]) }",
)


def inputs(steps: int) -> dict[str, Tensor]:
    made = torch.Generator().manual_seed(4)
    a, b = (torch.randint(-200, 200, (2, steps, 4), generator=made) / 256 for _ in range(2))
    k = torch.randint(5, (2, steps), generator=made)
    return {"a": a.requires_grad_(), "b": b.requires_grad_(), "k": k}


def make(body: str, state: str = "lattice(Q12.20)") -> torch.nn.Module:
    head = f"{NETS}\ndim B, T\nstate {state}\n"
    torch.manual_seed(0)
    model = revc.compile(
        head + f"model Net(a: [B, T, 4], b: [B, T, 4], k: label(5)[B, T]) {{\n  {body}\n}}\n"
    )
    randomize(model)
    return model


def changes_nothing(
    call: Callable[..., Any], model: torch.nn.Module, values: dict[str, Tensor]
) -> Any:
    """Check that results, gradients and code lengths are those of an empty body; return the run."""
    out = call(**values)
    for name, value in values.items():
        assert torch.equal(getattr(out, name), value)
    assert all(bool((bits == 0).all()) for bits in out.written.values())
    leaves = [values["a"], values["b"], *model.parameters()]
    d_a, d_b, *rest = gradients((2 * out.a + 3 * out.b).sum(), leaves)
    assert bool((d_a == 2).all() and (d_b == 3).all())
    assert all(bool((grad == 0).all()) for grad in rest)
    return out


@pytest.mark.parametrize("state", ["lattice(Q12.20)", "float32"])
@pytest.mark.parametrize("body", BODIES)
def test_a_statement_on_nothing_changes_nothing(body: str, state: str) -> None:
    if state == "float32" and "valve k" in body:
        pytest.skip("what codes labels reads no float state (S007)")
    model, values = make(body, state), inputs(1)
    out = changes_nothing(model, model, values)
    for name, back in zip(values, model.inverse(out), strict=True):
        assert torch.equal(back, values[name])
    longer = inputs(3)
    assert not all(torch.equal(x, longer[n]) for n, x in model(**longer)._asdict().items())


@pytest.mark.filterwarnings("ignore:.*should not be instantiated:DeprecationWarning")
@pytest.mark.parametrize("body", [BODIES[0], BODIES[4]])
def test_a_compiled_statement_on_nothing_changes_nothing(body: str) -> None:
    model = make(body)
    torch._dynamo.reset()
    compiled = torch.compile(model, backend="aot_eager", dynamic=False)
    changes_nothing(compiled, model, inputs(1))


@pytest.mark.parametrize("wrap", ["{}", "repeat 2 {{ {} }}"])
def test_a_loop_without_turns_that_emits_is_refused(wrap: str) -> None:
    model = make(wrap.format("repeat T - 1 as t share { emit e = tanh(a[:, t]) }"))
    assert model(**inputs(3)).e.shape[-3] == 2
    with pytest.raises(BindError, match="no turns"):
        model(**inputs(1))
