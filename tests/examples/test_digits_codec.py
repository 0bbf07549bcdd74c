"""The codec of the digits: lossless and as long as predicted, trained or not."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import revc
from examples import digits_codec, packers
from examples.digits import LEVELS, digits
from examples.digits_codec import AGREE, SPEC, Coded, as_input, code, figures, sheet, train

HELD = digits()[1].images


@pytest.mark.parametrize("steps", [0, 10])
def test_lossless_and_as_predicted_at_any_state(steps: int) -> None:
    torch.manual_seed(0)
    model = revc.compile(SPEC)
    train(model, digits()[0].images, steps)
    coded = code(model, HELD[:40])
    assert coded.wrong == 0
    assert abs(coded.written / coded.predicted - 1) < AGREE / 100
    # Beside the code: a header that says what decoding depends on, heads, and framing.
    assert coded.written < 8 * len(coded.file) < coded.written + 8 * 576


def test_another_spec_may_take_its_place() -> None:
    torch.manual_seed(0)
    model = revc.compile(SPEC.with_name("digits.rev"))
    coded = code(model, HELD[:40])
    assert coded.wrong == 0
    # Untrained, its windows miss the brightest pixels. Each of them costs an escape.
    assert coded.predicted < coded.written < 1.1 * coded.predicted


def test_each_image_comes_back_bit_for_bit() -> None:
    torch.manual_seed(0)
    model = revc.compile(SPEC)
    back = model.decompress(model.compress(as_input(model, HELD)))
    assert torch.equal(back, HELD)
    assert back.dtype == HELD.dtype


def test_the_example_reports_and_draws(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    digits_codec.main(["--steps", "2", "--json", "--out", str(tmp_path)])
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert rows["images that came back changed"]["met"]
    assert rows["coder beside likelihood"]["met"]
    assert not rows["the file"]["met"], "two steps teach nothing"
    assert rows["the file"]["value"] == (tmp_path / "digits.bin").stat().st_size
    with Image.open(tmp_path / "samples.png") as picture:
        assert picture.size[1] == 8 * 10 * 4


def test_changed_images_end_the_example(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = Coded(b"", 1.0, 1.0, 3, (0.0, 0.0))
    monkeypatch.setattr(digits_codec, "code", lambda *_: wrong)
    with pytest.raises(SystemExit, match="3 images came back changed"):
        digits_codec.main(["--steps", "0", "--out", str(tmp_path)])
    assert "no" in capsys.readouterr().out


def test_the_file_must_be_smaller_than_all_others() -> None:
    rows = figures(Coded(b"x", 1.0, 1.0, 0, (0.0, 0.0)), HELD, HELD)
    (ours,) = (row for row in rows if row.name == "the file")
    others = [row.value for row in rows if row.unit == "bytes" and "," in row.name]
    others = [value for value in others if value != round(1.0 / 8)]
    least = min(packers.png_size(HELD), *sum(packers.packed_sizes(HELD).values(), ()))
    assert ours.target == least - 1


def test_every_layout_holds_all_pixels() -> None:
    raw, by_pixel, *packed = packers.layouts(HELD[:8])
    pixels = np.frombuffer(raw, np.uint8).reshape(8, 64)
    assert (pixels == HELD[:8].flatten(1).numpy()).all()
    assert (pixels == np.frombuffer(by_pixel, np.uint8).reshape(64, 8).T).all()
    for flat, (five, planes, number, _) in zip(
        (pixels.reshape(-1), pixels.T.reshape(-1)), (packed[:4], packed[4:]), strict=True
    ):
        bits = np.unpackbits(np.frombuffer(five, np.uint8)).reshape(-1, 5)
        assert (bits @ [16, 8, 4, 2, 1] == flat).all()
        bits = np.unpackbits(np.frombuffer(planes, np.uint8)).reshape(5, -1)
        assert ([16, 8, 4, 2, 1] @ bits == flat).all()
        value = int.from_bytes(number)
        digits_of = [value // LEVELS**i % LEVELS for i in reversed(range(len(flat)))]
        assert digits_of == flat.tolist()


def test_half_bytes_hold_all_pixels() -> None:
    flat = np.array([3, 15, 16, 0, 16, 7], np.uint8)
    half = list(packers._packed(flat))[3]
    assert half == bytes([0x3F, 0xF0, 0xF7, 0b01100000])


def test_a_png_is_what_it_was_made_of() -> None:
    pixels = HELD[:4].reshape(-1, 8).numpy().astype(np.uint8)
    with Image.open(io.BytesIO(packers.png(pixels))) as back:
        assert (np.asarray(back) == pixels).all()


def test_the_table_beside_is_the_entropy_of_what_it_was_made_of() -> None:
    images = torch.tensor([0, 16]).reshape(2, 1, 1, 1).repeat(5000, 1, 1, 1)
    assert packers.histogram_size(images, images) == pytest.approx(10000 / 8, abs=3)


def test_the_sheet_shows_image_after_image() -> None:
    images = torch.zeros(64, 1, 8, 8, dtype=torch.int64)
    images[1] = 16
    picture = sheet(images)
    assert picture.shape == (320, 320)
    assert (picture[4:36, 44:76] == 0).all()
    assert (picture[:, :40] == 255).all()
