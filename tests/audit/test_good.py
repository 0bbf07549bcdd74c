"""What is good passes, every row of it."""

from pathlib import Path

import pytest
from torch import nn

from revc.audit import audit
from revc.audit.prepare import prepare
from tests.audit.subjects import brought, dropping, only, subject
from tests.metered.test_programs import SPECS

ALWAYS = {"bit cycle", "deterministic kernels", "reservoir count"}


@pytest.mark.parametrize("name", ["classify", "rnn", "digits", "language_model", "lm", "pixels"])
def test_good_specs_pass(name: str) -> None:
    found = audit(subject(name))
    assert not [f for f in found if f.met is False]
    assert {f.name for f in found if f.met} >= ALWAYS


def test_all_rows_of_a_model_with_valves_apply() -> None:
    rows = {f.name: f.met for f in audit(subject())}
    assert rows.pop("reconstruction drift") is None  # it takes no state
    rows.pop("coder gap to constriction")  # where it is installed
    assert set(rows.values()) == {True}


def test_masks_pass() -> None:
    assert not [f for f in audit(dropping()) if f.met is False]


def test_float_state_passes_by_its_drift() -> None:
    found = audit(brought(nn.Linear(6, 6), "float32"))
    assert only(found, "bit cycle").met is None
    assert only(found, "reconstruction drift").met


@pytest.mark.parametrize(
    "name", ["reversed", "shared", "uncall in a repeat", "mixed in a repeat", "written residue"]
)
def test_boundaries_of_every_sort_of_block_are_met_again(name: str, tmp_path: Path) -> None:
    (tmp_path / "one.rev").write_text(SPECS[name])
    found = audit(prepare(str(tmp_path / "one.rev"), None, {}, None, None, 4))
    assert only(found, "bit cycle").met
    assert not [f for f in found if f.met is False]
