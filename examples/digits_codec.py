"""Train a codec on handwritten digits, compress images that it has not seen, and draw new ones.

python examples/digits_codec.py [--steps 1000] [--spec specs/pixels.rev] [--json] [--out FOLDER]

Needs scikit-learn for the images and Pillow for PNG: ``pip install scikit-learn pillow``, or
``make setup``. The weights are part of the codec, as zlib's code is of zlib: no file holds them.
"""

import argparse
import sys
import time
from dataclasses import dataclass
from pathlib import Path

if not __package__:  # run by its path: the repository root is where `examples` is found
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import numpy as np
import torch
from rich.console import Console
from torch import Tensor

import revc
from benchmarks.rows import Row, as_json, print_table
from benchmarks.worker import ROOT
from examples.digits import LEVELS, Split, digits, fit
from examples.packers import histogram_size, packed_sizes, png, png_size
from revc.runtime.model import ReversibleModel
from revc.training import bits_per_dim

SPEC = ROOT / "specs" / "pixels.rev"
STEPS, PEAK_RATE = 1000, 8e-3
AGREE = 1.0  # per cent that the coder's bits may be off from those of the likelihood
ZOOM, GRID = 4, 8


@dataclass(frozen=True)
class Coded:
    """A file, the bits that the likelihood says it needs, those that the coder wrote, and errors.

    `wrong` counts the images that came back with any pixel changed.
    """

    file: bytes
    predicted: float
    written: float
    wrong: int
    seconds: tuple[float, float]


def as_input(model: ReversibleModel, images: Tensor) -> Tensor:
    """Return images as the spec takes them: labels, or numbers."""
    (slot,) = model.interface.takes
    return images if slot.kind == "label" else images.float()


def train(model: ReversibleModel, seen: Tensor, steps: int, peak: float = PEAK_RATE) -> None:
    """Train on the code length of images, in bits a dimension."""
    x = as_input(model, seen)
    fit(model, lambda of: bits_per_dim(model.score(x[of]), x.shape), len(x), steps, peak)


def code(model: ReversibleModel, images: Tensor) -> Coded:
    """Compress images in one call, decompress them, and compare."""
    x = as_input(model, images)
    with torch.no_grad():
        predicted = float(model.score(x).double().sum())
        written = float(model(x).ledger.bits("written").sum())
    start = time.perf_counter()
    file = model.compress(x)
    middle = time.perf_counter()
    back = model.decompress(file)
    end = time.perf_counter()
    wrong = int((back != x).flatten(1).any(-1).sum())
    return Coded(file, predicted, written, wrong, (middle - start, end - middle))


def figures(coded: Coded, seen: Tensor, images: Tensor) -> list[Row]:
    """Return what was found as rows; a target is the most that a value may be."""
    off = 100 * abs(coded.written / coded.predicted - 1)
    others = {"PNG, all in one": png_size(images)}
    for name, (raw, best) in packed_sizes(images).items():
        others |= {f"{name}, a byte a pixel": raw, f"{name}, best layout": best}
    size, dims = len(coded.file), images.numel()
    return [
        Row("images that came back changed", coded.wrong, f"of {len(images)}", target=0),
        Row("predicted by the likelihood", coded.predicted / dims, "bits/dim"),
        Row("written by the coder", coded.written / dims, "bits/dim"),
        Row("coder beside likelihood", off, "% apart", target=AGREE),
        Row("the file", size, "bytes", target=min(others.values()) - 1),
        Row("  of that, coded pixels", round(coded.written / 8), "bytes"),
        *(Row(name, value, "bytes") for name, value in others.items()),
        Row("per-pixel table, ideal coder", histogram_size(seen, images), "bytes"),
        Row("compress, decompress", sum(coded.seconds), "s"),
    ]


def sheet(images: Tensor) -> np.ndarray:
    """Return 64 images, [64, 1, 8, 8] in any dtype, as one grey picture, uint8."""
    grey = 255 - (images[:, 0].clamp(0, LEVELS - 1) * 255 // (LEVELS - 1)).to(torch.uint8)
    framed = torch.nn.functional.pad(grey, (1, 1, 1, 1), value=255)
    rows = framed.unflatten(0, (GRID, GRID)).transpose(1, 2).flatten(2).flatten(0, 1)
    return rows.numpy().repeat(ZOOM, 0).repeat(ZOOM, 1)


def picture(model: ReversibleModel, images: Tensor) -> bytes:
    """Return a PNG: 64 samples of the model on the left, 64 images on the right."""
    drawn, true = sheet(model.sample(GRID**2, seed=1)), sheet(images[: GRID**2])
    gap = np.full((len(true), 8 * ZOOM), 128, np.uint8)
    return png(np.concatenate((drawn, gap, true), 1))


def run(spec: Path, steps: int, split: tuple[Split, Split]) -> tuple[ReversibleModel, Coded]:
    """Train a spec, and code the images that it has not seen."""
    torch.manual_seed(0)
    model = revc.compile(spec)
    train(model, split[0].images, steps)
    return model, code(model, split[1].images)


def main(arguments: list[str] | None = None) -> None:
    """Run the example."""
    parser = argparse.ArgumentParser(prog="digits_codec", description="Train an image codec.")
    parser.add_argument("--steps", type=int, default=STEPS, help="training steps of 64 images")
    parser.add_argument("--spec", type=Path, default=SPEC, help="pixels.rev, or digits.rev")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "codec", help="the folder")
    given = parser.parse_args(arguments)
    torch.set_num_threads(1)  # the nets are small: a second thread waits more than it works
    seen, held = digits()
    model, coded = run(given.spec, given.steps, (seen, held))
    rows = figures(coded, seen.images, held.images)
    given.out.mkdir(parents=True, exist_ok=True)
    (given.out / "digits.bin").write_bytes(coded.file)
    (given.out / "samples.png").write_bytes(picture(model, held.images))
    if given.json:
        print(as_json(rows))
    else:
        print_table(f"{given.spec.name} on {len(held.images)} images it has not seen", rows)
        Console().print(f"64 samples beside 64 images: {given.out / 'samples.png'}")
    if coded.wrong:
        sys.exit(f"{coded.wrong} images came back changed")


if __name__ == "__main__":
    main()
