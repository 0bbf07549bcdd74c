"""The table of sites: one row a statement, from which all else that is known of meters follows."""

import json

import pytest

import revc
from revc.runtime.metered.plan import Plan, Site
from tests.metered.test_programs import SPECS

SPEC = """
use std.nets: linear
dim B, d = 8
state lattice(Q12.20)
tape log
block Once(a, b: [B, d]) -> (a, b: [B, d]) {
  valve a by logistic(linear(b), step = 1/16) as va
  b += linear(a)
}
model Net(a, b: [B, d]) -> (a, b: [B, d]) {
  Once(a, b)
  scale b by 2 as up
  repeat 3 { Once(a, b) }
  draw e: [B, d] by logistic(linear(a), step = 1/16) as noise
  b += e
  put e by logistic(linear(a), step = 1/16) as noise on log
}
"""


def plan() -> Plan:
    return revc.compile(SPEC).interface.plan


def test_a_statement_stands_once_however_often_it_runs() -> None:
    found = [(site.kind, site.meter, site.stack, site.row) for site in plan().sites]
    assert found == [
        ("valve", "va", "tape", 0),
        ("scale", "up", "tape", 1),
        ("draw", "noise", "reservoir", 2),
        ("put", "noise", "log", 3),
    ]


def test_rows_names_and_valves_follow_from_the_sites() -> None:
    at = plan()
    assert at.rows == (("va", "put"), ("up", "put"), ("noise", "draw"), ("noise", "put"))
    assert all(at.rows[site.row] == (site.meter, site.side) for site in at.sites)
    assert at.names == ("va", "up", "noise")
    assert at.valves == ("va",)
    assert at.rewrites, "it scales"


@pytest.mark.parametrize("name", SPECS)
def test_a_plan_survives_json(name: str) -> None:
    at = revc.compile(SPECS[name]).interface.plan
    assert Plan.from_json(json.loads(json.dumps(at.to_json()))) == at
    assert all(isinstance(site, Site) for site in at.sites)


@pytest.mark.parametrize(
    "budget", ["net(Net.va) <= 9 bits/example", "put(Net.up) <= 9 bits/element"]
)
def test_a_plan_with_budgets_survives_json(budget: str) -> None:
    at = revc.compile(f"{SPEC}budget {budget}\n").interface.plan
    assert at.budgets
    assert Plan.from_json(json.loads(json.dumps(at.to_json()))) == at


def test_only_dropouts_rest_in_evaluation() -> None:
    (only, *rest) = revc.compile(SPECS["dropout"]).interface.plan.sites
    assert all(site.coding.family == "dropout" for site in (only, *rest))
    assert Plan((only,)).moves(training=True)
    assert not Plan((only,)).moves(training=False)
    assert plan().moves(training=False)
    assert not Plan().moves(training=True)
