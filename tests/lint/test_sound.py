"""What lints clean runs in every direction: bit for bit back, and its inverse is clean too.

These are designs that read what changes, count, label and share nets, right at the border of what
is refused (`tests/lint/findings.py` has the other side).
"""

from typing import Any

import pytest
import torch
from torch import Tensor

import revc
from revc.passes.invert import invert
from revc.passes.lint import lint
from revc.passes.spec import build
from tests.passes.canonical import canonical

HEAD = """use std.nets: linear, mlp, dropout
dim B, c = 8
state lattice(Q12.20)
block Takes<F, h = 1>(p, q: [B, c]) { p += h * F(q) }
block Reads(p: [B, c], given u: [B, c]) { p += 3 * u }
block Turns(p, q: [B, c]) { repeat 3 as i { p[.., i] += tanh(q[.., i]) } }
model M(a, b: [B, c], k: label(5)[B, c], given xs: float32[B, 4, c]) {
"""
CLEAN = {
    "a let of another register as a given": "let v = tanh(b)\nlet w = v - 1\nReads(a, w)",
    "a let whose source changes later": "let v = tanh(b)\nReads(a, v)\nReads(b, a)",
    "labels turned around": "negate k\nk -= 7\nnegate k[.., :3]\nk += 2",
    "labels turned around in turns": "repeat 3 as i { negate k[.., i]\nk[.., i] += 1 }",
    "indices that reach both ends": "repeat 4 as i { a[.., 2*i + 1] += tanh(b[.., 7 - i]) }",
    "indices of inner turns": (
        "repeat 2 as i { repeat 4 as j { a[.., 4*i + j] += tanh(b[.., 7 - j]) } }"
    ),
    "indices of fewer turns each time": (
        "repeat 4 as i { repeat i as j { a[.., i] += tanh(b[.., j]) } }"
    ),
    "indices of fewer turns towards the end": (
        "repeat 4 as i { repeat 3 - i as j { a[.., i] += tanh(b[.., i + j + 1])\n"
        "b[.., 7 - i - j] -= a[.., j] } }"
    ),
    "givens of each turn": "repeat 4 as i { a += xs[:, i] }\nrepeat 3 as i { b -= xs[:, i + 1] }",
    "a division by turns": "repeat 3 as i { a += b / (i + 1)\nb += a / (3 - i) }",
    "no turns": "repeat 0 { a += b }\nrepeat c - 8 { a += linear(b) }\nb += a",
    "a net in a block and after it": "net N = linear()\nTakes<N>(a, b)\nb += N(a)\nTakes<N>(a, b)",
    "a net in loops and after them": (
        "net N = mlp(width = 4)\nrepeat 2 { a += N(b) }\nb += N(a)\nrepeat 2 share { a += N(b) }"
    ),
    "a call that is undone by its name": "m: Reads(a, b)\nb += a\nuncall m(a, b)\nm(a, b)",
    "an inverse that is undone by its name": (
        "net N = linear()\nm: uncall Takes<N>(a, b)\nb += a\nuncall m(a, b)\nm(a, b)\nundo m(a, b)"
    ),
    "turns of its own in each turn": "repeat 2 as i { Turns(a, b) }",
    "one number a turn": "scale a[.., 0] by sigmoid(b[.., 0]) in [1/64, 1] as m",
    "one number by softsign": "apply a[.., 1] by softsign()",
    "an empty turn": "repeat 3 {\n}\na += b",
    "dropout undone in its order": (
        "alloc t: [B, c] = 0\nt += dropout(linear(b), p = 0.5)\na += t\nundo alloc t: [B, c] = 0"
    ),
}  # fmt: skip
pytestmark = pytest.mark.filterwarnings(
    "ignore:.*should not be instantiated:DeprecationWarning",
    "ignore:`torch.jit:DeprecationWarning",
)
UNDONE = ("dropout undone in its order",)  # its register does not come back to 0


def made() -> dict[str, Tensor]:
    drawn = torch.Generator().manual_seed(0)
    values = {
        name: torch.round(torch.randn(shape, generator=drawn) * 100) / 256
        for name, shape in (("a", (3, 8)), ("b", (3, 8)), ("xs", (3, 4, 8)))
    }
    floats = {name: value.requires_grad_() for name, value in values.items()}
    return {**floats, "k": torch.randint(5, (3, 8), generator=drawn)}


def check(model: Any, call: Any) -> None:
    values = made()
    out = call(**values)
    assert 0 <= int(out.k.min()) <= int(out.k.max()) < 5
    back = model.inverse(model(**values))
    for value, name in zip(back, ("a", "b", "k"), strict=True):
        assert torch.equal(value, values[name])
    (out.a.sum() + out.b.sum()).backward()


@pytest.mark.parametrize("name", [name for name in CLEAN if name not in UNDONE])
def test_what_is_clean_runs_in_every_direction(name: str) -> None:
    text = f"{HEAD}{CLEAN[name]}\n}}\n"
    result = lint(text)
    assert {d.code for d in result.findings} <= {"M501"}
    assert {proof.verdict for proof in result.proofs} == {"PROVED"}
    torch.manual_seed(0)
    model = revc.compile(text)
    check(model, model)
    inverse = invert(text)
    assert not lint(inverse).denied
    assert canonical(build(invert(inverse))) == canonical(build(text))


@pytest.mark.parametrize("name", ["labels turned around", "a net in loops and after them"])
def test_what_is_clean_compiles(name: str) -> None:
    torch._dynamo.reset()
    model = revc.compile(f"{HEAD}{CLEAN[name]}\n}}\n")
    check(model, torch.compile(model, backend="aot_eager"))


def test_a_call_undone_by_its_name_is_nothing() -> None:
    for how in ("", "uncall "):
        text = f"{HEAD}m: {how}Turns(a, b)\nuncall m(a, b)\n}}\n"
        values = made()
        out = revc.compile(text)(**values)
        assert torch.equal(out.a, values["a"])
    twice = f"{HEAD}m: uncall Reads(a, b)\nm(a, b)\n}}\n"
    out = revc.compile(twice)(**made())
    torch.testing.assert_close(out.a, made()["a"] - 6 * made()["b"])


def test_the_inverse_keeps_which_way_a_name_goes() -> None:
    text = f"{HEAD}m: uncall Reads(a, b)\nnegate a\nuncall m(a, b)\nnegate b\nm(a, b)\n}}\n"
    values = made()
    out = revc.compile(text)(**values)
    state = {name: getattr(out, name).detach() for name in ("a", "b", "k")}
    back = revc.compile(invert(text))(**state, xs=values["xs"])
    for name, value in state.items():
        assert torch.equal(getattr(back, name), values[name]), (name, value)


CODEC = """dim B
state lattice(Q12.20)
model Code(k: label(5)[B, 6]) {
  negate k
  k -= 2
  put k by uniform(5) as code
}
budget put(code) <= 99 bits/example
"""


def test_labels_that_are_negated_are_coded_and_sampled() -> None:
    model = revc.compile(CODEC)
    labels = torch.arange(30).reshape(5, 6) % 5
    assert torch.equal(model.decompress(model.compress(labels)), labels)
    drawn = model.sample(200, seed=1)
    assert sorted(set(drawn.flatten().tolist())) == [0, 1, 2, 3, 4]
