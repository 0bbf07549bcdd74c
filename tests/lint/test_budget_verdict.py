"""What budgets must and may cost, from the distributions alone."""

import math
from pathlib import Path

import pytest

from revc.grammar.diagnostics import SpecError
from revc.passes.analysis.budget_verdict import verdict
from revc.passes.lint import lint
from revc.passes.spec import build

SPECS = Path(__file__).parents[2] / "specs"
HEAD = "use std.nets: linear, gate, dropout\ndim B, T, c = 160\nstate lattice(Q12.20)\n"
VALVE = "valve a by logistic(linear(b), step = 1/16{}) as va"
PUT = "alloc s: [B, T, c] = 0\nput s by logistic(linear(b), step = 1/16{}) as m"
LABELS = "label(16)[B, T] by uniform(16) as y"


def found(body: str, budget: str, more: str = "") -> list[str]:
    text = f"{HEAD}{more}model M(a, b: [B, T, c]) {{ {body} }}\n{budget}\n"
    return [f"{d.code} {d.message}" for d in lint(text).findings if d.level == "deny"]


@pytest.mark.parametrize(
    ("name", "state", "least", "most"),
    [
        ("rnn", "proved", 0.0, 12 * 256.0),
        ("classify", "proved", 0.0, 3.3219),
        ("language_model", "possible", 0.0, float("inf")),
    ],
)
def test_budgets_of_the_specs(name: str, state: str, least: float, most: float) -> None:
    program = build(SPECS / f"{name}.rev")
    (budget,) = program.budgets
    one = verdict(program.model, budget)
    assert one.state == state
    assert one.least == pytest.approx(least)
    assert one.most == pytest.approx(most, abs=1e-3)


@pytest.mark.parametrize(
    ("body", "budget", "message"),
    [
        (VALVE.format(""), "budget put(va) <= 100 bits/token",
         "M502 put(va) is at least about 177.6 bits/token, whatever is learned"),
        (VALVE.format(""), "budget draw(va) <= 1.1 bits/element",
         "M502 draw(va) is at least about 1.11 bits/element, whatever is learned"),
        (VALVE.format(", residue = write"), "budget put(va) <= 17 bits/element",
         "M502 put(va) is at least about 17.11 bits/element, whatever is learned"),
        (f"repeat 3 {{ {VALVE.format('')} }}", "budget put(va) <= 500 bits/token",
         "M502 put(va) is at least about 532.8 bits/token, whatever is learned"),
        ("scale a by 0.25 as f", "budget put(f) <= 1.5 bits/element",
         "M502 put(f) is at least about 2 bits/element, whatever is learned"),
        (f"repeat 4 {{ {VALVE.format('')} }}", "budget put(va) <= 2 bits/element",
         "M502 put(va) is at least about 4.44 bits/element, whatever is learned"),
        (PUT.format(", residue = drop(16)"), "budget put(m) <= 17 bits/element",
         "M502 put(m) is at least about 17.11 bits/element, whatever is learned"),
        (PUT.format(""), "budget net(m) <= 17 bits/element",
         "M502 net(m) is at least about 17.11 bits/element, whatever is learned"),
        ("a += dropout(b, p = 0.5)", "budget draw(dropout) <= 159 bits/token",
         "M502 draw(dropout) is at least about 160 bits/token, whatever is learned"),
        ("negate a", "budget put(M.vb) <= 1 bits/token", "S002 no meter `M.vb`"),
        ("scale a by 0.25 as f", "budget put(f) <= 9 bits/step",
         "M504 bits/step: `f` stands in no `repeat .. as`"),
        ("scale a by 0.25 as f", "budget put(f) <= 9 bits/element/valve",
         "M504 bits/valve: `f` is no valve"),
        (VALVE.format(", residue = drop(4)"), "budget net(va) <= 4 bits/element",
         "S003 `residue` drop(4) would charge less than it loses: a residue of 65536 units has 16 "
         "bits"),
        (VALVE.format(", residue = drop(16)"), "budget draw(va) <= 900 bits/element",
         "M506 `va` drops residues, and no budget on net or put bounds it"),
    ],
)  # fmt: skip
def test_what_cannot_hold(body: str, budget: str, message: str) -> None:
    assert found(body, budget) == [message]


@pytest.mark.parametrize(
    "budget",
    ["budget put(va) <= 180 bits/token", "budget net(va) <= 0 bits/token/valve",
     "budget put(va) <= 1 bits/example",
     "budget draw(va) <= 0.5 bits/element\nbudget net(va) <= 1 bits/element"],
)  # fmt: skip
def test_what_may_hold(budget: str) -> None:
    """A free size (T) leaves a bound a whole example open; a throttled valve draws less."""
    assert found(VALVE.format(""), budget) == []


@pytest.mark.parametrize("residue", ["", ", residue = drop(16)"])
def test_what_a_bucket_keeps_may_always_hold(residue: str) -> None:
    assert found(VALVE.format(residue), "budget net(va) <= 0 bits/element") == []
    if residue:
        assert found(PUT.format(residue), "budget net(m) <= 0 bits/element") == []


def bounds(body: str, *budgets: str) -> list[tuple[str, float, float]]:
    text = f"{HEAD}model M(a, b: [B, T, c]) {{ {body} }}\n" + "\n".join(budgets)
    program = build(text, dims={"T": 10})
    each = [verdict(program.model, budget, program.budgets) for budget in program.budgets]
    return [(one.state, one.least, one.most) for one in each]


def test_what_is_undone_comes_back() -> None:
    undone = f"undo {VALVE.format('')}"
    assert bounds(undone, "budget put(va) <= 0 bits/element") == [("proved", -math.inf, -1.11)]
    body = f"draw y: {LABELS}\nundo draw y: {LABELS}"
    assert bounds(body, "budget draw(y) <= 0 bits/element") == [("proved", 0.0, 0.0)]
    more = "block L(a, b: [B, T, c]) { scale a by 0.5 as f }\n"
    assert found("uncall L(a, b)", "budget put(f) <= 0 bits/element", more) == []
    assert found("L(a, b)", "budget put(f) <= 0 bits/element", more) != []


def test_every_turn_counts_and_a_step_is_a_turn_of_the_innermost_named_loop() -> None:
    scale = "scale a by sigmoid(gate(b)) in [1/4, 1] as f"
    loops = f"repeat 3 as t {{ repeat 5 {{ {scale} }} }}"
    units = ("element", "token", "example", "step")
    found = bounds(loops, *(f"budget put(f) <= 1 bits/{unit}" for unit in units))
    assert [most for _, _, most in found] == [30, 30 * 160, 30 * 1600, 10 * 1600]


def test_statements_of_two_sizes_share_a_bound() -> None:
    """Both are allowed the mean of their tokens, 6 of 10 and of 2; per valve each its own."""
    body = """
  valve a[.., :8] by logistic(linear(b, out = 16)) as v
  valve a[:, :2, 8:16] by logistic(linear(b[:, :2], out = 16)) as v
"""
    found = bounds(body, "budget put(v) <= 99 bits/token", "budget put(v) <= 99 bits/token/valve")
    assert [least for _, least, _ in found] == pytest.approx([12 * 8 * 1.11 / 6, 8 * 1.11])


def test_a_factor_is_a_whole_number_of_1024ths() -> None:
    gates = {"0.9999": (1024, 1024), "b in [0.9991, 0.9995]": (1023, 1023)}
    gates["b in [0.3, 1]"] = (308, 1024)
    for factor, (least, most) in gates.items():
        ((_, low, high),) = bounds(f"scale a by {factor} as f", "budget put(f) <= 9 bits/element")
        assert (low, high) == pytest.approx((-math.log2(most / 1024), -math.log2(least / 1024)))


def test_a_model_has_its_own_budgets_alone() -> None:
    text = f"""{HEAD}model M(a, b: [B, T, c]) {{ {VALVE.format("")} }}
model N(a, b: [B, T, c]) {{ {VALVE.format("")} }}
budget put(M.va) <= 1000 bits/token
budget net(va, N.va) <= 1 bits/token
"""
    own = {model: [b.targets for b in build(text, model=model).budgets] for model in "MN"}
    assert own == {"M": [("M.va",), ("va",)], "N": [("va", "N.va")]}


def test_what_lint_says_of_a_budgets_meter_compiling_says_too() -> None:
    with pytest.raises(SpecError, match="no meter `nope`"):
        build(f"{HEAD}model M(a: [B]) {{ negate a }}\nbudget put(nope) <= 1 bits/token\n")


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("rnn", "put(Rnn.fa, Rnn.fb) <= 3072 bits/step: proved, at most 3072, whatever is learned"),
        ("language_model", "net(LM.va, LM.vb) <= 0.1 bits/token/valve: kept, enforced as it runs, "
         "by a token bucket a sequence"),
    ],
)  # fmt: skip
def test_a_proof_says_what_of_its_budgets_is_proved(name: str, line: str) -> None:
    lines = [text for proof in lint(SPECS / f"{name}.rev").proofs for text in proof.lines()]
    (found,) = [text.strip() for text in lines if text.lstrip().startswith("budget")]
    assert found.startswith(f"budget {line} (")


def test_a_reservoir_gets_back_what_is_undone() -> None:
    more = "reservoir e(seed = 1, bits = 160)\n"
    draw, back = f"draw y: {LABELS} on e", f"undo draw y: {LABELS} on e"
    text = HEAD.replace("T, c", "T = 10, c") + more
    for body in (f"{draw}\n{back}\n{draw}\n{back}", f"{draw}\nput y by uniform(16) as y"):
        spec = f"{text}model M(a: [B]) {{ {body} }}\nbudget draw(y) <= 9 bits/element\n"
        assert lint(spec).findings == ()


def test_a_tape_and_a_reservoir_are_not_each_other() -> None:
    more = "tape t\nreservoir e(seed = 1)\n"
    budget = "budget net(va) <= 1 bits/token"
    assert found(f"{VALVE.format('')} on t", budget, more) == []
    assert found(f"{VALVE.format('')} on e", budget, more) == [
        "B210 `e` is a reservoir: what is pushed on it is what the next draw gives back; "
        "name a tape"
    ]
    draw = "draw y: label(4)[B, T] by uniform(4) as y on t\nput y by uniform(4) as y on t"
    assert found(draw, "budget draw(y) <= 2 bits/token", more) == [
        "B210 `t` is a tape: what was put there is not random; name a reservoir"
    ]


def test_declared_stacks_are_in_the_program() -> None:
    text = f"{HEAD}tape t\nreservoir e(seed = 3, bits = 500)\nmodel M(a: [B]) {{ negate a }}\n"
    stacks = build(text).stacks
    assert [(s.name, s.kind, s.seed, s.bits) for s in stacks] == [
        ("t", "tape", None, None), ("e", "reservoir", 3, 500)
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ("1", "S003 `reservoir` takes its arguments by name: seed, bits"),
        ("bits = 1, bits = 2", "S003 `reservoir` has `bits` twice"),
        ("sed = 1", "S003 `reservoir` has no `sed`; did you mean `seed`?"),
        ("seed = 1/2", "S003 `reservoir` takes a whole number from 0 to 2**31 - 1 for `seed`"),
        ("bits = B", "S003 `reservoir` takes a whole number from 0 to 2**31 - 1 for `bits`"),
    ],
)
def test_arguments_of_reservoirs(args: str, message: str) -> None:
    text = f"{HEAD}reservoir e({args})\nmodel M(a: [B]) {{ negate a }}\n"
    assert [f"{d.code} {d.message}" for d in lint(text).findings] == [message]
