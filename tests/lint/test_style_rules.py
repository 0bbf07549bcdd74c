"""Rules on what is allowed and odd: what they find, and what they leave alone."""

import pytest

from revc.ir.instructions.linear_maps import NAMED
from revc.passes.lint import lint
from revc.runtime.metered.floats import BIJECTIONS
from tests.passes.specs import SPECS

HEAD = "use std.nets: mlp, norm\ndim B, c = 8\nstate lattice(Q12.20)\n"
NEW = ("B209", "P703", "Y801", "Y802", "C901")


def found(text: str) -> list[tuple[str, int]]:
    return [(one.code, one.span.line) for one in lint(HEAD + text).findings if one.code in NEW]


def body(*statements: str) -> str:
    return "model M(a, b: [B, c]) {\n" + "\n".join(statements) + "\n}\n"


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
def test_the_specs_are_left_alone(path):
    assert [one for one in lint(path).findings if one.code in NEW] == []


@pytest.mark.parametrize(
    "twice", [("swap a, b", "swap a, b"), ("negate a", "negate a"), ("swap a, b", "swap b, a")]
)
def test_a_pair_that_cancels(twice):
    first, second = twice
    assert found(body(first, second)) == [("P703", 6)]
    assert found(body(f"repeat 2 {{\n{first}\n{second}\n}}")) == [("P703", 7)]
    assert found(body(first, second, first)) == [("P703", 6)]
    assert found(body(first, "a += tanh(b)", second)) == []


def test_a_permutation_that_is_no_inverse_of_itself():
    head = "model M(x: [B, 2, 2, 2]) {\n"
    turned = "permute x by (0, 2, 3, 1)\n"
    assert found(f"{head}{turned}{turned}{turned}}}\n") == []
    assert found(f"{head}{turned}undo {turned}}}\n") == [("P703", 6)]


def test_names():
    assert found("block lower(a: [B, c]) { negate a }\n" + body("lower(a)")) == [("Y801", 4)]
    assert found("block _Hidden(a: [B, c]) { negate a }\n" + body("_Hidden(a)")) == []


def test_nets_that_are_read_somewhere():
    net = "net F = mlp(width = 8)"
    assert found(body(net, "a += tanh(b)")) == [("Y802", 5)]
    assert found(body(net, "repeat 2 { a += F(b) }")) == []
    assert found(body(net, "net G(x: [B, c]) -> [B, c] = F(x)", "a += G(b)")) == []
    takes = "block Takes<F>(a, b: [B, c]) { a += F(b) }\n"
    assert found(takes + body("net G = mlp(width = 8)", "Takes<G>(a, b)")) == []
    assert found(takes + body("net G = mlp(width = 8)", "Takes<F = G>(a, b)")) == []
    assert found("net F = mlp(width = 8)\n" + body("a += tanh(b)")) == []  # others may use it


def test_what_cannot_be_compiled_is_said_in_every_model_and_block():
    net = "net F(x: [B, c]) -> [B, c] = norm(x)"
    wrong = body(net, "residual a by F")
    assert found(wrong + wrong.replace("model M", "block K")) == [("C901", 6), ("C901", 10)]
    declared = 'bijection W = torch "m:f" inverse "m:g"\n'
    model = "model M(a: float32[B, c]) {\napply a by W()\nnegate a\n}\n"
    assert found(declared + model) == [("B209", 4), ("C901", 6)]
    own = 'a += mlp(b, width = 8, dropout = 0.1)  # revc: allow(R401) reason = "a test"'
    assert found(body(own)) == [("C901", 5)]


def test_what_lint_calls_compilable_has_code():
    assert set(NAMED) == set(BIJECTIONS)
