"""The passes that change programs: what they drop, and what they leave alone."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from revc.grammar.span import Span
from revc.ir.expr import Elementwise, Expr, Number, Place, Read
from revc.ir.instructions import Let
from revc.passes.analysis.closed_form import evaluate, is_closed
from revc.passes.spec import build
from revc.passes.transform.rewrite import map_expr
from revc.passes.transform.simplify import simpler
from tests.passes.specs import FOLDER, HEAD

AT = Span("<test>", 1, 1, 1, 1)


def read(name: str) -> Read:
    return Read(span=AT, place=Place(span=AT, name=name), shape=())


def number(value: float) -> Number:
    return Number(span=AT, value=value)


def apply(function: str, *args: Expr) -> Elementwise:
    return Elementwise(span=AT, function=function, args=args, shape=())


leaves = st.one_of(
    st.sampled_from([0.0, 1.0, -1.0, 0.5, 3.0]).map(number), st.sampled_from("xy").map(read)
)
exprs = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.tuples(st.sampled_from(["neg", "tanh", "sin"]), inner).map(lambda t: apply(*t)),
        st.tuples(st.sampled_from(["add", "sub", "mul"]), inner, inner).map(lambda t: apply(*t)),
        inner.map(lambda e: apply("div", e, number(1.0))),
    ),
    max_leaves=12,
)


@given(exprs, st.floats(-4, 4), st.floats(-4, 4))
def test_simplifying_changes_no_bit(expr: Expr, x: float, y: float) -> None:
    assert is_closed(expr)
    values = {"x": x, "y": y}
    before, after = evaluate(expr, values), evaluate(map_expr(expr, simpler), values)
    assert (before, math.copysign(1, before)) == (after, math.copysign(1, after))


@pytest.mark.parametrize(
    ("expr", "simple"),
    [
        (apply("mul", number(1.0), read("x")), read("x")),
        (apply("mul", read("x"), number(1.0)), read("x")),
        (apply("div", read("x"), number(1.0)), read("x")),
        (apply("neg", apply("neg", read("x"))), read("x")),
        (apply("add", read("x"), number(0.0)), apply("add", read("x"), number(0.0))),
        (apply("div", number(1.0), read("x")), apply("div", number(1.0), read("x"))),
    ],
)
def test_what_is_simpler(expr: Expr, simple: Expr) -> None:
    assert map_expr(expr, simpler) == simple


def test_a_factor_of_one_is_dropped_from_a_library_block() -> None:
    spec = f"use hamiltonian: Hamiltonian\n{HEAD}\nmodel M(a, b: [B, T, c]) {{\n"
    spec += "net F = norm()\nnet G = linear()\nHamiltonian<F, G>(a, b)\n}"
    (call,) = build(spec).model.body
    assert [step.values()[0].kind for step in call.block.body] == ["net_call", "net_call"]


def test_unread_lets_are_dropped_and_read_ones_kept() -> None:
    spec = f"""{HEAD}
model M(a, b: [B, T, c]) {{
  let unused = norm(b)
  let half = b / 2
  let third = half / 3
  a += third
}}
"""
    program = build(spec)
    lets = [step.name for step in program.model.body if isinstance(step, Let)]
    assert lets == ["half", "third"]
    assert [slot.name for slot in program.model.nets] == ["norm_0"]


def test_a_let_that_a_call_is_given_is_kept() -> None:
    spec = f"""use rotate: Rotate
{HEAD}
model M(a, b, w: [B, T, c]) {{
  net Angle = linear()
  let u = tanh(w)
  Rotate<Angle>(a, b, u)
}}
"""
    assert FOLDER.joinpath("rotate.rev").exists()
    assert [step.kind for step in build(spec).model.body] == ["let", "call"]
