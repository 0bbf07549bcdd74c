"""The classifier that draws its answers, and the diagram of how often they are right."""

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
import torch

import revc
from examples import classify_digits, digits
from examples.classify_digits import SPEC, as_input, chances, draw, train
from examples.digits import MissingDataError, Split
from examples.reliability import Bin, bins, calibration_error, diagram

SEEN, HELD = digits.digits()


def few(split: Split, count: int) -> Split:
    return Split(split.images[:count], split.labels[:count])


def test_the_split_is_the_same_each_time_and_holds_all() -> None:
    again = digits.digits()[1]
    assert torch.equal(HELD.images, again.images)
    assert (len(SEEN.labels), len(HELD.labels)) == (1437, 360)
    assert int(SEEN.images.max()) == 16


def test_missing_data_say_how_to_get_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "sklearn.datasets", None)
    with pytest.raises(MissingDataError, match="pip install scikit-learn"):
        digits.digits()


def test_chances_sum_to_one_and_training_raises_the_right_ones() -> None:
    torch.manual_seed(0)
    model, held = revc.compile(SPEC), few(HELD, 100)
    before = chances(model, held.images)
    torch.testing.assert_close(before.sum(-1), torch.ones(100).double(), atol=1e-5, rtol=0)
    train(model, SEEN, 40)
    right = held.labels[:, None]
    after = chances(model, held.images)
    assert after.gather(1, right).log().mean() > before.gather(1, right).log().mean() + 0.2


def test_what_is_drawn_follows_the_chances_and_costs_their_length() -> None:
    torch.manual_seed(0)
    model, held = revc.compile(SPEC), few(HELD, 30)
    chance, drawn = chances(model, held.images), draw(model, held.images, 200)
    assert drawn.made.sum(-1).tolist() == pytest.approx([1.0] * 30)
    assert (drawn.made - chance).abs().max() < 0.17  # five standard errors
    cost = -(drawn.made * torch.log2(chance)).sum(-1).mean()
    assert float(drawn.bits.mean()) == pytest.approx(float(cost), abs=2e-3)
    again = draw(model, held.images, 3)
    assert torch.equal(again.bits, drawn.bits[:3])


def test_the_example_keeps_its_budget_and_reports(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    classify_digits.main(["--steps", "2", "--draws", "3", "--json", "--out", str(tmp_path)])
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert rows["drawn from the reservoir"]["target"] == 3.4
    assert rows["drawn from the reservoir"]["met"]
    root = ElementTree.fromstring((tmp_path / "reliability.svg").read_text())
    assert root.findall(".//{*}circle")
    classify_digits.main(["--steps", "0", "--draws", "2", "--out", str(tmp_path)])
    assert "entropy of the predictions" in capsys.readouterr().out


def test_bins_count_predictions_that_were_made() -> None:
    made = torch.tensor([[0.75, 0.25, 0.0], [0.0, 1.0, 0.0]])
    found = bins(made, torch.tensor([0, 2]), parts=4)
    assert found == [Bin(0.25, 0.0, 1), Bin(0.875, 0.5, 2)]
    assert calibration_error(found) == pytest.approx((0.25 + 2 * 0.375) / 3)


def test_the_diagram_is_xml_and_marks_lie_where_they_should() -> None:
    text = diagram([Bin(0.0, 0.0, 4), Bin(1.0, 0.5, 9)], "a < b", "c & d")
    root = ElementTree.fromstring(text)
    marks = [(float(m.attrib["cx"]), float(m.attrib["cy"])) for m in root.findall(".//{*}circle")]
    assert marks == [(64.0, 344.0), (384.0, 184.0)]
    assert "http" not in text.replace("http://www.w3.org/2000/svg", "")


def test_images_are_scaled_to_the_unit_interval() -> None:
    x = as_input(HELD.images)
    assert x.shape == (360, 64)
    assert (float(x.min()), float(x.max())) == (0.0, 1.0)
