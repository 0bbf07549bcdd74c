"""What budgets must and may cost, from the distributions alone."""

from pathlib import Path

import pytest

from revc.passes.feasible import verdict
from revc.passes.frontend import build
from revc.passes.lint import lint

SPECS = Path(__file__).parents[2] / "specs"
HEAD = "use std.nets: linear, gate\ndim B, T, c = 160\nstate lattice(Q12.20)\n"
VALVE = "valve a by logistic(linear(b), step = 1/16{}) as va"


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
     "budget put(va) <= 1 bits/example"],
)  # fmt: skip
def test_what_may_hold(budget: str) -> None:
    """A free size (T) leaves a bound a whole example open."""
    assert found(VALVE.format(""), budget) == []


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
        ("sed = 1", "S003 `reservoir` has no `sed`; did you mean `seed`?"),
        ("seed = 1/2", "S003 `reservoir` takes a whole number from 0 to 2**31 - 1 for `seed`"),
        ("bits = B", "S003 `reservoir` takes a whole number from 0 to 2**31 - 1 for `bits`"),
    ],
)
def test_arguments_of_reservoirs(args: str, message: str) -> None:
    text = f"{HEAD}reservoir e({args})\nmodel M(a: [B]) {{ negate a }}\n"
    assert [f"{d.code} {d.message}" for d in lint(text).findings] == [message]
