"""Train a classifier whose predictions are drawn, and see how often what it draws is right.

python examples/classify_digits.py [--steps 400] [--draws 100] [--json] [--out FOLDER]

Needs scikit-learn for the images: ``pip install scikit-learn``, or ``make setup``. The spec ends
in a draw: an answer costs bits of the reservoir, as many as there was doubt. Training gives the
labels in its place and pays their code length, which is the cross-entropy.
"""

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

if not __package__:  # run by its path: the repository root is where `examples` is found
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import torch
from rich.console import Console
from torch import Tensor
from torch.nn.functional import one_hot

import revc
from benchmarks.rows import Row, as_json, print_table
from benchmarks.worker import ROOT
from examples.digits import LEVELS, Split, digits, fit
from examples.reliability import Bin, bins, calibration_error, diagram
from revc.runtime.model import ReversibleModel

SPEC = ROOT / "specs" / "classify.rev"
CLASSES, STEPS, DRAWS, PEAK_RATE = 10, 400, 100, 2e-3
X_LABEL, Y_LABEL = "share of runs in which a class was drawn", "share of those that are right"


@dataclass(frozen=True)
class Drawn:
    """Many runs on the same images: how often each class was drawn, [N, K], and bits, [runs, N]."""

    made: Tensor
    bits: Tensor


def as_input(images: Tensor) -> Tensor:
    """Return images, int64 [N, 1, 8, 8], as the spec takes them: float32 [N, 64] in [0, 1]."""
    return images.flatten(1).float() / (LEVELS - 1)


def train(model: ReversibleModel, seen: Split, steps: int) -> None:
    """Train on the code length of the labels: the bits that name them, given the image."""
    x, y = as_input(seen.images), seen.labels
    fit(model, lambda of: model.score(x[of], out=y[of]).mean(), len(y), steps, PEAK_RATE)


@torch.no_grad()
def chances(model: ReversibleModel, images: Tensor) -> Tensor:
    """Return the chance of each class, float64 [N, K]: two to the power of minus its length."""
    x = as_input(images)
    scores = [model.score(x, out=torch.full((len(x),), label)) for label in range(CLASSES)]
    return torch.exp2(-torch.stack(scores, -1).double())


@torch.no_grad()
def draw(model: ReversibleModel, images: Tensor, runs: int) -> Drawn:
    """Predict many times; each run has random bits of its own."""
    x = as_input(images)
    made, bits = torch.zeros(len(x), CLASSES), []
    torch.manual_seed(1)
    for _ in range(runs):
        out = model(x)
        made += one_hot(out.y, CLASSES)
        bits.append(out.ledger.bits("drawn", "out"))
    return Drawn(made / runs, torch.stack(bits))


def figures(
    model: ReversibleModel, held: Split, chance: Tensor, drawn: Drawn, found: list[Bin]
) -> list[Row]:
    """Return what was found as rows; a target is the most that a value may be."""
    truth = held.labels[:, None]
    wrong = (chance.argmax(-1) != held.labels).double().mean()
    entropy = -(chance * torch.log2(chance)).sum(-1).mean()
    (budget,) = model.interface.plan.budgets
    spread = drawn.bits.mean(1).std() / len(drawn.bits) ** 0.5
    return [
        Row("accuracy of the likeliest class", 100 * (1 - float(wrong)), "%"),
        Row("accuracy of what is drawn", 100 * float(drawn.made.gather(1, truth).mean()), "%"),
        Row("code length of the labels (NLL)", float(-torch.log2(chance.gather(1, truth)).mean()),
            "bits/example"),
        Row("drawn from the reservoir", float(drawn.bits.mean()), "bits/example", budget.bound),
        Row("  its standard error", float(spread), "bits/example"),
        Row("entropy of the predictions", float(entropy), "bits/example"),
        Row("calibration error of what is drawn", 100 * calibration_error(found), "% apart"),
    ]  # fmt: skip


def main(arguments: list[str] | None = None) -> None:
    """Run the example."""
    parser = argparse.ArgumentParser(prog="classify_digits", description="Train a classifier.")
    parser.add_argument("--steps", type=int, default=STEPS, help="training steps of 64 images")
    parser.add_argument("--draws", type=int, default=DRAWS, help="predictions of each image")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "classify", help="the folder")
    given = parser.parse_args(arguments)
    torch.set_num_threads(1)  # the nets are small: a second thread waits more than it works
    torch.manual_seed(0)
    (seen, held), model = digits(), revc.compile(SPEC)
    train(model, seen, given.steps)
    chance, drawn = chances(model, held.images), draw(model, held.images, given.draws)
    found = bins(drawn.made, held.labels)
    rows = figures(model, held, chance, drawn, found)
    given.out.mkdir(parents=True, exist_ok=True)
    (given.out / "reliability.svg").write_text(diagram(found, X_LABEL, Y_LABEL))
    if given.json:
        print(as_json(rows))
    else:
        print_table(f"{SPEC.name} on {len(held.labels)} images it has not seen", rows)
        Console().print(f"reliability diagram: {given.out / 'reliability.svg'}", highlight=False)


if __name__ == "__main__":
    main()
