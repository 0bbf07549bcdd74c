"""Whole networks that ship, with stems and heads: they train as plain autograd has them train."""

from pathlib import Path

import pytest
import torch
from torch.nn import functional

import revc
from revc.errors import BindError
from revc.passes.lint import lint
from revc.runtime.model import ReversibleModel
from tests.model.laws import gradients, randomize
from tests.model.reference import Reference

FOLDER = Path(revc.__file__).parent / "specs"
SMALL = {
    "revnet": {"H": 16, "W": 32, "c": 2, "K": 3},
    "rev_vit": {"H": 8, "W": 12, "p": 4, "d": 12, "K": 3},
}
names = pytest.mark.parametrize("name", SMALL)


def made(name: str, schedule: str = "invert") -> tuple[ReversibleModel, torch.Tensor]:
    torch.manual_seed(0)
    sizes = SMALL[name]
    model = revc.compile(FOLDER / f"{name}.rev", dims=sizes, schedule=schedule).double()
    randomize(model)
    return model, torch.randn(4, 3, sizes["H"], sizes["W"], dtype=torch.float64)


@names
@pytest.mark.parametrize("schedule", ["invert", "save"])
def test_gradients_are_those_of_plain_autograd(name: str, schedule: str) -> None:
    model, image = made(name, schedule)
    image.requires_grad_()
    leaves = [image, *model.parameters()]
    reference = Reference(model.graphs.program, model.net_modules())
    found, wanted = model(image).logits, reference(image=image)["logits"]
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-9)
    pairs = (gradients(one.square().sum(), leaves) for one in (found, wanted))
    for one, other in zip(*pairs, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-5)


@names
def test_they_learn(name: str) -> None:
    model, image = made(name)
    targets, losses = torch.tensor([0, 1, 2, 1]), []
    optimizer = torch.optim.Adam(model.parameters(), 3e-3)
    for _ in range(6):
        loss = functional.cross_entropy(model(image).logits, targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses == sorted(losses, reverse=True)


@names
def test_nothing_goes_back_beyond_the_head(name: str) -> None:
    model, image = made(name)
    out = model(image)
    words = r"forgets `x` on line \d+, and reversibility ends there"
    for call in (lambda: model.inverse(out), lambda: model.inverse(logits=out.logits)):
        with pytest.raises(BindError, match=words):
            call()


@pytest.mark.parametrize("name", ["revnet", "rev_vit", "stages"])
def test_lint_says_where_reversibility_ends(name: str) -> None:
    path = FOLDER / f"{name}.rev"
    assert lint(path).findings == ()
    lines = path.read_text().split("\n")
    wanted = [number for number, line in enumerate(lines, 1) if "forget x" in line]
    bare = "\n".join(line.split("  # revc")[0] for line in lines)
    found = lint(bare).findings
    assert [(f.code, f.span.line) for f in found] == [("L110", line) for line in wanted]
    assert all("reversibility ends here" in f.message for f in found)
