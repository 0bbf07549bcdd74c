"""Token buckets, throttles and drops: what is granted, charged, written down and undone."""

import pytest
import torch
from torch import Tensor

import revc
from revc.errors import BindError
from revc.grammar.diagnostics import SpecError
from revc.runtime.bits.constants import UNIT
from revc.runtime.bits.errors import ReservoirExhaustedError
from revc.runtime.model import ReversibleModel
from tests.metered.test_programs import HEAD, PAIR, digests
from tests.model.laws import gradients, weighted

VALVES = """repeat 6 {
  b += linear(a)
  valve a[.., :4] by logistic(linear(b), step = 1/16) as va
  valve b[.., :4] by logistic(linear(a), step = 1/16) as vb
}"""
TOKENS = 8


def make(
    budget: str, body: str = VALVES, shape: tuple[int, ...] = (3, TOKENS, 8), head: str = HEAD
) -> tuple[ReversibleModel, dict[str, Tensor]]:
    torch.manual_seed(0)
    model = revc.compile(head + PAIR.format(body) + budget)
    model.bits.seed = 0
    return model, {name: (torch.randn(shape) * 0.5).requires_grad_() for name in ("a", "b")}


def undoes(model: ReversibleModel, inputs: dict[str, Tensor], out: object) -> None:
    before = digests(out)
    back = model.inverse(out)
    for value, was in zip(back, inputs.values(), strict=True):
        torch.testing.assert_close(value, was, atol=1e-6, rtol=0)
    gradients(weighted(out._asdict()), list(inputs.values()))
    assert digests(out) == before


@pytest.mark.parametrize("alpha", [0.0, 0.5, 0.9])
@pytest.mark.parametrize("bound", [0.0, 1.0, 100.0])
def test_a_throttled_run_is_undone_whatever_the_budget_grants(alpha: float, bound: float) -> None:
    model, inputs = make(f"budget net(Net.va, Net.vb) <= {bound} bits/token/valve\n")
    model.throttle["Net.va"] = alpha
    undoes(model, inputs, model(**inputs))


def test_buckets_are_filled_by_the_bound_and_charged_what_is_expected_to_be_lost() -> None:
    model, inputs = make("budget net(Net.va, Net.vb) <= 100 bits/token/valve\n")
    model.throttle["va"] = 0.5
    out = model(**inputs)
    session = out.run.session
    assert list(session.allowed.values()) == [12 * 100 * TOKENS * UNIT]
    (charged,) = session.charged.values()
    decided = 6 * 0.0227  # the decisions' own symbols are booked, but not charged
    charge = out.ledger.bits("written", "va").sub(decided) * 0.5
    torch.testing.assert_close(charged.double() / UNIT, charge, atol=0.2, rtol=1e-3)


STEP = "b += linear(a)\n valve a[.., :4] by logistic(linear(b), step = 1/16) as va"


@pytest.mark.parametrize(
    ("loop", "unit", "bits"),
    [
        (f"repeat 8 as t share {{ {STEP} }}", "example", 100),
        (f"repeat T as t share {{ {STEP} }}", "example", 100),
        (f"repeat T as t share {{ {STEP} }}", "step", 800),
        (f"repeat 6 as t {{ {STEP} }}", "step", 600),
        (f"repeat 2 {{ repeat 3 as t {{ {STEP} }} }}", "step", 600),
        (f"repeat 3 as t {{ repeat 2 {{ {STEP} }} }}", "step", 300),
        (f"repeat 2 {{ repeat 3 {{ {STEP} }} }}", "token", 100 * TOKENS),
    ],
)
def test_a_shared_bound_is_shared_by_the_turns_that_a_run_takes(
    loop: str, unit: str, bits: int
) -> None:
    assert TOKENS == 8
    model, inputs = make(f"budget net(Net.va) <= 100 bits/{unit}\n", loop)
    assert sum(model(**inputs).run.session.allowed.values()) == pytest.approx(bits * UNIT, abs=8)


@pytest.mark.parametrize("bound", ["260000000 bits/token/valve", "1000000000000000 bits/example"])
def test_a_bound_beyond_all_bits_holds_everything(bound: str) -> None:
    model, inputs = make(f"budget net(Net.va) <= {bound}\n")
    model.throttle["va"] = 0.5
    out = model(**inputs)
    (charged,) = out.run.session.charged.values()
    assert bool((charged > 0).all())
    undoes(model, inputs, out)


def test_a_throttled_valve_draws_less() -> None:
    model, inputs = make("budget net(Net.va, Net.vb) <= 1000 bits/token/valve\n")
    full = model(**inputs).ledger.bits("drawn", "va").sum()
    for alpha in (0.75, 0.5, 0.25, 0.0):
        model.throttle["va"] = alpha
        less = model(**inputs).ledger.bits("drawn", "va").sum()
        assert abs(float(less / full) - alpha) < 0.15


def test_an_empty_bucket_lets_nothing_be_throttled() -> None:
    model, inputs = make("budget net(Net.va) <= 0 bits/token\n")
    plain = model(**inputs)
    model.throttle["va"] = 0.5
    throttled = model(**inputs)
    assert not any(int(spent.max()) for spent in throttled.run.session.charged.values())
    before, after = (out.ledger for out in (plain, throttled))
    ratio = after.bits("drawn", "va").sum() / before.bits("drawn", "va").sum()
    assert 0.8 < float(ratio) < 1.25, "as if it were not throttled"
    undoes(model, inputs, throttled)


def test_a_throttle_needs_a_valve_a_budget_and_a_fraction() -> None:
    model, _ = make("budget net(Net.va) <= 1 bits/token\n")
    with pytest.raises(BindError, match="no valve 'vc': there are va, vb"):
        model.throttle["vc"] = 0.5
    with pytest.raises(BindError, match="under a budget only"):
        model.throttle["vb"] = 0.5
    with pytest.raises(BindError, match=r"in \[0, 1\]"):
        model.throttle["va"] = 1.5
    model.throttle["vb"] = 1.0


def test_what_the_program_undoes_cannot_be_throttled() -> None:
    valve = "valve a by logistic(linear(b), step = 1/16) as va"
    body = f"{valve}\nundo {valve}"
    model, inputs = make("budget net(Net.va) <= 1 bits/token\n", body)
    model(**inputs)
    model.throttle["va"] = 0.5
    with pytest.raises(BindError, match="undone by the program itself"):
        model(**inputs)


Q4 = HEAD.replace("Q12.20", "Q12.4")
DROPS = """repeat 3 {
  valve a by logistic(linear(b), step = 1, residue = drop(4)) as va
  b += linear(a)
}"""


@pytest.mark.parametrize("bound", [0.0, 2.0, 4.0])
def test_dropped_residues_are_charged_erased_and_in_lossless_mode_undone(bound: float) -> None:
    model, inputs = make(f"budget net(Net.va) <= {bound} bits/element/valve\n", DROPS, head=Q4)
    exact = {n: torch.round(x.detach() * 16) / 16 for n, x in inputs.items()}
    inputs = {n: x.requires_grad_() for n, x in exact.items()}
    out = model(**inputs)
    erased = out.ledger.bits("erased", "va")
    granted = {0.0: 0, 2.0: 1, 4.0: 3}[bound]
    assert torch.equal(erased, torch.full_like(erased, granted * 4 * TOKENS * 8))
    undoes(model, inputs, out)


def test_a_reservoir_runs_dry() -> None:
    spec = """
use std.nets: linear
dim B, T
state lattice(Q12.20)
reservoir e(seed = 5, bits = 900)
model Net(given x: float32[B, T]) -> (y: label(16)[B, T]) {
  draw y: label(16)[B, T] by uniform(16) as out on e
}
budget draw(out) <= 4 bits/element
"""
    model = revc.compile(spec)
    out = model(torch.zeros(2, 64))
    with pytest.raises(ReservoirExhaustedError, match="reservoir e has 900 bits"):
        model(torch.zeros(2, 1000))
    assert torch.equal(out.ledger.drawn["out"].booked >= 0, torch.tensor([True, True]))


def test_declared_reservoirs_are_seeded_by_the_spec() -> None:
    spec = """
dim B
state lattice(Q12.20)
reservoir e(seed = {})
model Net(given x: float32[B]) -> (y: label(1000)[B]) {{
  draw y: label(1000)[B] by uniform(1000) as out on e
}}
budget draw(out) <= 10 bits/example
"""
    one, two, other = (revc.compile(spec.format(seed)) for seed in (1, 1, 2))
    x = torch.zeros(8)
    for run in (None, 7):
        found = []
        for model in (one, two, other):
            model.bits.seed = run
            torch.manual_seed(3)
            found.append(model(x).y)
        assert torch.equal(found[0], found[1])
        assert not torch.equal(found[0], found[2])


@pytest.mark.parametrize(
    ("budget", "message"),
    [
        ("budget put(Net.va) <= 2 bits/token", "M502 put.Net.va. is at least about 2.*bits/token"),
        ("budget put(Net.va) <= 9 bits/step", "M504 bits/step: `va` stands in no"),
    ],
)
def test_budgets_that_cannot_hold_do_not_compile(budget: str, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        make(budget + "\n")
