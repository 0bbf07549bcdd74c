"""The gate checks what a program needs of its free sizes; what passes it runs and comes back."""

import math

import pytest
import torch

import revc
from revc.errors import BindError
from revc.grammar.diagnostics import SpecError
from revc.runtime.sizes import Need, evaluate

HEAD = "use std.nets: mlp, linear\ndim B, T, c\nstate lattice(Q12.20)\n"
PAIR = "model M(a, b: [B, T, c]) {{\n{}\n}}\n"
SIZES = [(t, c) for t in (1, 2, 3, 5, 6, 8) for c in (1, 3, 4)]

NEEDS = {
    # body: what is wrong where sizes do not fit, and which do
    "split a -> x, y\nx += tanh(y)\njoin x, y -> a": (
        "c/2 is no whole number", lambda t, c: c % 2 == 0,
    ),
    "split a -> x, y along 1\nx -= y\njoin x, y -> a along 1": (
        "T/2 is no whole number", lambda t, c: t % 2 == 0,
    ),
    "repeat T/2 share { a += tanh(b) }": ("T/2 is no whole number", lambda t, c: t % 2 == 0),
    "repeat T - 5 share { a += tanh(b) }": ("T - 5 is less than 0", lambda t, c: t >= 5),
    "repeat T - 5 as i share { a[:, i + 5] += tanh(b[:, i]) }": (
        "T - 5 is less than 0", lambda t, c: t >= 5,
    ),
    "repeat T - 1 as i share { a[:, i + 1] += tanh(b[:, i]) }": ("", lambda t, c: True),
    "repeat 3 as i { a[:, i] += tanh(b[:, i]) }": ("i is not within 0..T - 1", lambda t, c: t >= 3),
    "repeat 2 as i { repeat 3 as j { a[:, 3*i + j] += b[:, 0] } }": (
        "3*i + j is not within 0..T - 1", lambda t, c: t >= 6,
    ),
    "repeat T as i share { repeat c as j share { a[:, i, j] += tanh(b[:, T - 1 - i, j]) } }": (
        "", lambda t, c: True,
    ),
    "repeat c as j share { a[:, j] += tanh(b[:, j]) }": (
        "j is not within 0..T - 1", lambda t, c: c <= t,
    ),
    "a[:, :3] += tanh(b[:, :3])": ("3 is not within 0..T", lambda t, c: t >= 3),
    "a[:, 2:] += tanh(b[:, 2:])": ("2 is not within 0..T", lambda t, c: t >= 2),
    "a[.., -2] += b[.., 0]": ("c - 2 is not within 0..c - 1", lambda t, c: c >= 2),
    "reshape a to [B, T/2, 2*c]\nnegate a\nreshape a to [B, T, c]": (
        "T/2 is no whole number", lambda t, c: t % 2 == 0,
    ),
    "alloc t: [B, c - 2] = 0\nnegate t\nfree t = 0": ("c - 2 is less than 1", lambda t, c: c > 2),
    "a += b / (T - 3)": ("`/` divides by T - 3, which is 0", lambda t, c: t != 3),
    "let v = tanh(b)\na[:, :2] += v[:, :2]": ("2 is not within 0..T", lambda t, c: t >= 2),
}  # fmt: skip


def inputs(t: int, c: int) -> list[torch.Tensor]:
    made = torch.Generator().manual_seed(t * 10 + c)
    noise = [torch.randn(2, t, c, generator=made) for _ in range(2)]
    return [(torch.round(x * 100) / 256).requires_grad_() for x in noise]


@pytest.mark.parametrize("body", NEEDS)
def test_sizes_that_do_not_fit_are_refused_and_all_others_come_back(body: str) -> None:
    text, fits = NEEDS[body]
    model = revc.compile(HEAD + PAIR.format(body))
    for t, c in SIZES:
        values = inputs(t, c)
        if not fits(t, c):
            with pytest.raises(BindError, match="M, line ") as caught:
                model(*values)
            assert text in str(caught.value)
            continue
        out = model(*values)
        for value, was in zip(model.inverse(out), values, strict=True):
            assert torch.equal(value, was)
        sum(x.sum() for x in out).backward()


@pytest.mark.parametrize("body", NEEDS)
def test_bound_sizes_are_refused_as_the_spec_is_read(body: str) -> None:
    _, fits = NEEDS[body]
    for t, c in SIZES:
        if fits(t, c):
            revc.compile(HEAD + PAIR.format(body), dims={"T": t, "c": c})
            continue
        with pytest.raises(SpecError) as caught:
            revc.compile(HEAD + PAIR.format(body), dims={"T": t, "c": c})
        assert {d.code for d in caught.value.diagnostics} <= {"S003", "S004", "S005"}


def test_the_inverse_asks_the_same_of_sizes() -> None:
    model = revc.compile(HEAD + PAIR.format("split a -> x, y\nx += tanh(y)\njoin x, y -> a"))
    a, b = inputs(2, 3)
    with pytest.raises(BindError, match="c/2 is no whole number, where c = 3"):
        model.inverse(a=a, b=b)


def test_a_program_says_what_it_needs_once() -> None:
    body = "repeat 4 { split a -> x, y\nx += tanh(y)\njoin x, y -> a }\na[.., :c/2] += b[.., :c/2]"
    found = revc.compile(HEAD + PAIR.format(body)).interface.needs
    assert [need.kind for need in found if need.kind == "whole"] == ["whole"]
    assert all("T" not in need.text for need in found)


def test_a_division_of_sizes_is_exact() -> None:
    spec = HEAD + "model M(x: [B, c/49], y: [B, c]) {\nx += y[.., : c/49]\n}\n"
    model = revc.compile(spec)
    for c in (49, 98, 147, 49 * 41):
        assert evaluate(((1, 49, ("c",)),), {"c": c}) == c // 49
        x, y = torch.zeros(2, c // 49), torch.ones(2, c)
        assert torch.equal(model(x, y).x, torch.ones(2, c // 49))
    with pytest.raises(BindError):
        model(torch.zeros(2, 1), torch.ones(2, 50))


def test_needs_are_decided_in_integers() -> None:
    third = ((1, 3, ("T",)), (2, 3, ()))
    for t in range(1, 40):
        value = (t + 2) / 3
        assert Need("whole", third, (), "").met({"T": t}) == value.is_integer()
        less = Need("least", (*third, (-4, 1, ())), (), "")
        assert less.met({"T": t}) == (value >= 4)
        other = Need("other", (*third, (-4, 1, ())), (((1, 1, ("T",)), (-9, 1, ())),), "")
        assert other.met({"T": t}) == (t < 10 or not math.isclose(value, 4))
    assert Need("whole", third, (), "").met({})


EXAMPLES = """use std.nets: linear
dim B, k, d, c = 8
state lattice(Q12.20)
model Net(given w: float32[k, d], a, b: [B, c]) {
  valve a by logistic(linear(b), step = 1/16) as va
  b += w[0, 0]
}
budget net(va) <= 1 bits/element
"""


def test_examples_are_those_of_the_state_whatever_comes_first() -> None:
    model = revc.compile(EXAMPLES)
    values = [x[:, 0] for x in inputs(1, 8)]
    for k in (1, 2, 5):
        out = model(torch.ones(k, 3), *values)
        assert out.run.lengths.shape[1] == 2
        for value, was in zip(model.inverse(out), values, strict=True):
            assert torch.equal(value, was)
