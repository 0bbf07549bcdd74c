"""`revc audit`: its rows, its page, its files and its exits."""

import json
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import torch

import revc
from revc.audit import Finding, drift
from revc.audit.data import made
from revc.audit.prepare import prepare
from revc.errors import BindError
from revc.passes.spec import build
from tests.audit.subjects import SPECS
from tests.cli.test_commands import revc as revc_cli


def test_rows_and_a_page(tmp_path: Path) -> None:
    page = tmp_path / "audit.html"
    small = [option for size in ("d=32", "V=20", "k=4") for option in ("-D", size)]
    done = revc_cli("audit", SPECS / "language_model.rev", *small, "--json", "--html", page)
    assert done.exit_code == 0
    rows = json.loads(done.stdout)
    assert {"name", "value", "unit", "target", "met", "detail"} == set(rows[0])
    text = page.read_text()
    assert "http" not in text
    for drawn in re.findall("<svg.*?</svg>", text, re.DOTALL):
        ElementTree.fromstring(drawn)
    for wanted in ("<svg", "bit cycle", ">va<", "written", "drawn", "erased", "what it held"):
        assert wanted in text


def test_it_prints_a_table() -> None:
    done = revc_cli("audit", SPECS / "classify.rev", "--batch", "2", "--steps", "2")
    assert done.exit_code == 0
    assert "inverse after 2 SGD steps taken back" in done.stdout


def test_what_fails_exits_with_1(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drift, "check", lambda _: Finding("x", 1.0, "u", "= 0", False, "planted"))
    monkeypatch.setattr("revc.audit.run.CHECKS", (drift.check,))
    done = revc_cli("audit", SPECS / "classify.rev")
    assert done.exit_code == 1
    assert "planted" in done.stdout


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--data", "none.pt"), "cannot read none.pt"),
        (("--weights", "none.pt"), "cannot read none.pt"),
        (("--model", "Nobody"), "Nobody"),
        (("-D", "nothing"), "nothing"),
    ],
)
def test_what_cannot_be_audited_exits_with_2(options: tuple[str, ...], message: str) -> None:
    done = revc_cli("audit", SPECS / "classify.rev", *options)
    assert done.exit_code == 2
    assert message in done.output


def test_a_page_that_cannot_be_written_exits_with_2(tmp_path: Path) -> None:
    page = tmp_path / "none" / "audit.html"
    done = revc_cli("audit", SPECS / "classify.rev", "--html", page)
    assert done.exit_code == 2
    assert "cannot write" in done.output


def test_a_wrong_spec_exits_with_2(tmp_path: Path) -> None:
    (tmp_path / "bad.rev").write_text("model Net(a: [B]) {")
    assert revc_cli("audit", tmp_path / "bad.rev").exit_code == 2


def test_weights_and_data_from_files(tmp_path: Path) -> None:
    torch.manual_seed(3)
    model = revc.compile(SPECS / "classify.rev")
    torch.save(model.state_dict(), tmp_path / "w.pt")
    torch.save({"image": torch.randn(5, 64)}, tmp_path / "d.pt")
    files = (str(tmp_path / "w.pt"), str(tmp_path / "d.pt"))
    one = prepare(str(SPECS / "classify.rev"), None, {}, *files, 4)
    for mine, theirs in zip(one.model.parameters(), model.parameters(), strict=True):
        assert torch.equal(mine, theirs)
    assert one.inputs["image"].shape == (5, 64)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"picture": torch.zeros(2, 64)}, "'picture' does not fit"),
        ({"image": torch.zeros(2, 63)}, "image has size 63"),
        ([1, 2], "does not hold tensors by name"),
    ],
)
def test_data_that_does_not_fit_is_refused(tmp_path: Path, data: Any, message: str) -> None:
    torch.save(data, tmp_path / "d.pt")
    with pytest.raises(BindError, match=message):
        prepare(str(SPECS / "classify.rev"), None, {}, None, str(tmp_path / "d.pt"), 4)


@pytest.mark.parametrize(
    ("numerics", "most"), [("Q4.12", 8), ("Q1.15", 1), ("Q16.0", 17), ("Q2.14", 2)]
)
def test_made_inputs_stay_in_narrow_lattices(tmp_path: Path, numerics: str, most: int) -> None:
    spec = tmp_path / "narrow.rev"
    spec.write_text(
        f"dim B, c = 500\nstate lattice({numerics})\n"
        "model Net(a, b: [B, c]) -> (a, b: [B, c]) { swap a, b }\n"
    )
    inputs = made(build(str(spec), model=None, nets=None), 4, {})
    assert all(float(value.abs().max()) < most for value in inputs.values())
    again = made(build(str(spec), model=None, nets=None), 4, {})
    assert all(torch.equal(inputs[name], again[name]) for name in inputs)
