"""Rules on what is allowed and costs, wraps or is lost: what they find and leave alone."""

import math
import random

import pytest

from revc.ir.expr import Elementwise
from revc.ir.instructions import Add
from revc.passes.analysis.closed_form import evaluate
from revc.passes.analysis.growth import overflows
from revc.passes.analysis.lipschitz import lipschitz
from revc.passes.lint import lint
from revc.passes.spec import Spec, build
from tests.passes.specs import SPECS

NEW = ("B202", "Q305", "R405", "M505", "P701", "P704")
HEAD = "use std.nets: mlp, norm\ndim B, c = 8\nstate lattice(Q12.20)\n"


def found(text: str) -> list[tuple[str, int]]:
    return [(one.code, one.span.line) for one in lint(HEAD + text).findings if one.code in NEW]


def body(*statements: str) -> str:
    return "model M(a, b, d: [B, c]) {\n" + "\n".join(statements) + "\n}\n"


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
def test_the_specs_are_left_alone(path):
    assert [one for one in lint(path).findings if one.code in NEW] == []


# --- P701 ----------------------------------------------------------------------------------------

NET = "net F = mlp(width = 8)"
TWICE = {
    "two updates": (("a += F(b)", "d += F(b)"), [7]),
    "three": (("a += F(b)", "d += F(b)", "d += 2 * F(b)"), [7, 8]),
    "one expression": (("a += F(b) + tanh(F(b))",), [6]),
    "a net of nets": (("net G(x: [B, c]) -> [B, c] = F(norm(x))", "a += F(norm(b))"), []),
    "a change between": (("a += F(b)", "b += tanh(a)", "d += F(b)"), []),
    "a change of another": (("a += F(b)", "a += tanh(b)", "d += F(b)"), [8]),
    "a swap between": (("a += F(b)", "swap a, b", "d += F(b)"), []),
    "other arguments": (("a += F(b)", "d += F(a)"), []),
    "other slices": (("a[.., :4] += F(b[.., :4])", "a[.., 4:] += F(b[.., 4:])"), []),
    "undone": (("a += F(b)", "d += a", "a -= F(b)"), []),
    "a compute and its free": (("alloc t: [B, c] = F(b)", "a += t", "free t = F(b)"), []),
    "a let": (("let v = F(b)", "a += v", "d += v"), []),
    "a loop": (("repeat 2 {", "a += F(b)", "d += F(b)", "b += tanh(a)", "}"), [8]),
    "functions": (("a += tanh(b)", "d += tanh(b)"), []),
}  # fmt: skip


@pytest.mark.parametrize("name", TWICE)
def test_nets_that_are_evaluated_twice(name):
    statements, lines = TWICE[name]
    assert found(body(NET, *statements)) == [("P701", line) for line in lines]


# --- P704 ----------------------------------------------------------------------------------------

STALE = {
    "an update of one half": (("repeat 2 { a += mlp(b, width = 8) }",), [5]),
    "both halves": (("repeat 2 {", "a += mlp(b, width = 8)", "b += mlp(a, width = 8)", "}"), []),
    "one turn": (("repeat 1 { a += mlp(b, width = 8) }",), []),
    "a change elsewhere": (("repeat 2 { a += mlp(b, width = 8) }", "b += a"), []),
    "a swap in the loop": (("repeat 2 {", "a += mlp(b, width = 8)", "swap a, b", "}"), []),
    "no loop": (("a += mlp(b, width = 8)",), []),
    "no net": (("repeat 2 { a += tanh(b) }",), []),
    "a slice a turn": (("repeat 2 as t { a += mlp(b[:, t:t+1], width = 8, out = c) }",), []),
    "by a call": (("repeat 2 { Half(a, b) }",), [5]),
    "by two calls": (("repeat 2 {", "Half(a, b)", "Half(b, a)", "}"), []),
    "within a loop": (("repeat 2 { repeat 2 { a += mlp(b, width = 8) } }",), [5]),
    "a part that is joined again": (
        ("split d -> u, v", "repeat 2 { u += mlp(v, width = 8) }", "join u, v -> d"), [6]
    ),
}  # fmt: skip
HALF = "block Half(x, y: [B, c]) { x += mlp(y, width = 8) }\n"


@pytest.mark.parametrize("name", STALE)
def test_registers_that_nothing_changes(name):
    statements, lines = STALE[name]
    assert found(body(*statements) + HALF) == [("P704", line) for line in lines]


def test_what_a_block_reads_its_caller_may_change():
    block = "block K(x, y: [B, c]) {\nrepeat 2 { x += mlp(y, width = 8) }\n}\n"
    assert found(block + body("K(a, b)", "K(b, a)")) == []
    given = "model M(a: [B, c], given u: [B, c]) {\nrepeat 2 { a += mlp(u, width = 8) }\n}\n"
    assert found(given) == []


# --- R405, M505 ----------------------------------------------------------------------------------

CODED = {
    "another distribution": (
        ("put y by uniform(16) as m", "undo put w: label(4)[B, c] by uniform(4) as n"), ["R405"]
    ),
    "the same": (
        ("put y by uniform(16) as m", "undo put w: label(16)[B, c] by uniform(16) as n"), []
    ),
    "from outside": (("undo put w: label(4)[B, c] by uniform(4) as n",), []),
    "of another stack": (
        ("put y by uniform(16) as m on t", "undo put w: label(4)[B, c] by uniform(4) as n"), []
    ),
    "the other order": (
        ("undo put w: label(4)[B, c] by uniform(4) as n", "put y by uniform(16) as m"), []
    ),
    "a reservoir": (
        ("undo draw y: label(16)[B, c] by uniform(16) as m",
         "draw w: label(4)[B, c] by uniform(4) as n"), ["R405"]
    ),
    "forgotten beside": (("put y by uniform(16) as m", "forget z"), ["M505"]),
}  # fmt: skip


@pytest.mark.parametrize("name", CODED)
def test_bits_that_are_read_otherwise_or_never(name):
    statements, codes = CODED[name]
    text = "\n".join(statements)
    left = [] if "forget z" in text else ["z: label(16)[B, c]"]
    left += ["y: label(16)[B, c]"] if " y" not in text else []
    left += [f"w: label({16 if '(16) as n' in text else 4})[B, c]"] if " w:" in text else []
    model = (
        f"tape t\nmodel M(y, z: label(16)[B, c]) -> ({', '.join(left)}) {{\nz += y\n{text}\n"
        f"{'' if left else 'alloc'}}}\n"
    )
    if not left:
        model = model.replace("-> ()", "-> (q: [B, c])").replace("alloc", "alloc q: [B, c] = 0\n")
    codes_found = [code for code, _ in found(model)]
    assert codes_found == codes


# --- Q305 ----------------------------------------------------------------------------------------

REACH = {
    "a constant": (("a += 3000",), [("a", 3000.0)]),
    "a constant that fits": (("a += 2000",), []),
    "turns": (("repeat 3000 { a += tanh(b) }",), [("a", 2049.0)]),
    "turns that fit": (("repeat 2000 { a += tanh(b) }",), []),
    "turns and back": (("repeat 3000 {", "a += tanh(b)", "a -= tanh(b)", "}"), [("a", 2049.0)]),
    "a register that was made": (
        ("alloc t: [B, c] = 1500", "t += 1000", "t -= 1000", "free t = 1500"), [("t", 2500.0)]
    ),
    "what it reads": (
        ("alloc t: [B, c] = 1500", "a += 2 * t", "free t = 1500"), [("a", 3000.0)]
    ),
    "an input's read": (("a += 1000", "d += a"), []),
    "nothing that is known": (("d += a", "a += mlp(b, width = 8)"), []),
    "a net": (("a += mlp(b, width = 8)", "a += 1"), []),
    "a call": (("repeat 30 { Up(a, b) }",), [("x", 2049.0)]),
    "a loop of no known length": (("repeat B share { a += tanh(b) }", "a += 1"), []),
    "a swap": (("a += 2000", "swap a, b", "a += 2000", "b += 100"), [("b", 2100.0)]),
    "a negation": (("a += 2000", "negate a", "a -= 100"), [("a", -2100.0)]),
}  # fmt: skip
UP = "block Up(x, given y: [B, c]) {\nrepeat 100 { x += 3/4 + sin(y) / 4 }\n}\n"


@pytest.mark.parametrize("name", REACH)
def test_how_far_registers_may_go(name):
    statements, reach = REACH[name]
    root = Spec(HEAD + body(*statements) + UP).checked().roots[0].block
    ends = {
        (one.name, one.held.high if one.held.high > 2048 else one.held.low)
        for one in overflows(root)
    }
    assert ends == set(reach)


# --- B202 ----------------------------------------------------------------------------------------

CONTRACTIONS = {
    "0.5 * tanh(x)": 0.5,
    "tanh(x) / 4 + sigmoid(x)": 0.5,
    "0.3 * sin(2 * x) - 0.2 * softsign(x)": 0.8,
    "0.4 * tanh(x) * cos(x)": 0.8,
    "gelu(0.5 * x)": 0.565,
    "exp(-abs(x)) / 2": 0.5,
    "0.5 * x": 0.5,
    "log(2 + abs(x)) * 0.5": 0.25,
    "sqrt(1 + abs(x))": 0.5,
}


@pytest.mark.parametrize("form", CONTRACTIONS)
def test_a_contraction_is_bounded(form):
    text = f"block K(a: [B, c]) {{\nnet F(x: [B, c]) -> [B, c] = {form}\nresidual a by F\n}}\n"
    result = lint(HEAD + text)
    assert [one.code for one in result.findings] == ["C901"]
    assert result.proofs[0].verdict == "BOUNDED"
    assert f"{CONTRACTIONS[form]:.4g}" in result.proofs[0].steps[-1].reason


@pytest.mark.parametrize("form", ["2 * tanh(x)", "x * sin(x)", "tan(x)", "mlp(x, width = 8)"])
def test_what_need_not_contract_is_not_bounded(form):
    text = f"block K(a: [B, c]) {{\nnet F(x: [B, c]) -> [B, c] = {form}\nresidual a by F\n}}\n"
    result = lint(HEAD + text)
    folds = form == "x * sin(x)"
    assert [one.code for one in result.findings] == ["B202" if folds or form[0] == "2" else "C901"]
    assert result.proofs[0].verdict == ("REFUTED" if folds else "UNKNOWN")


@pytest.mark.parametrize("form", CONTRACTIONS)
def test_no_secant_is_steeper_than_the_bound(form):
    built = build(HEAD + f"model M(a, x: [B, c]) {{ a += {form} }}\n")
    (step,) = built.model.body
    assert isinstance(step, Add)
    assert isinstance(step.value, Elementwise)
    bound, draw = lipschitz(step.value, "x"), random.Random(7)
    assert math.isclose(bound, CONTRACTIONS[form])
    for _ in range(2000):
        one = draw.uniform(-6, 6)
        two = one + draw.choice((1e-3, 0.1, 2.0))
        rise = evaluate(step.value, {"x": two}) - evaluate(step.value, {"x": one})
        assert abs(rise) <= bound * (two - one) + 1e-12
