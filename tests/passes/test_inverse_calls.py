"""Calls whose blocks name results and parameters otherwise: their inverses in source."""

import pytest
import torch

import revc
from revc.passes.invert import invert
from revc.passes.lint import lint
from revc.runtime.interface import Slot
from revc.runtime.model import ReversibleModel
from revc.runtime.sizes import evaluate

HEAD = """use std.nets: mlp
dim B
state lattice(Q12.20)
block Halves(x: [B, 8]) -> (p: [B, 4], q: [B, 4]) {
  split x -> p, q
  p += mlp(q, width = 3)
}
block Turned(a: [B, 4], b: [B, 4], given u: [B, 8]) -> (b: [B, 4], a: [B, 4]) {
  a += mlp(b, width = 3)
  b += u[.., :4]
}
block Renamed(x: [B, 4], y: [B, 4], z: [B, 4]) -> (u: [B, 4], v: [B, 4], w: [B, 4]) {
  x += mlp(y, width = 3)
  split x -> u
  split y -> v
  split z -> w
}
block Marked(l: label(5)[B]) -> (m: label(5)[B]) {
  l += 2
  split l -> m
}
"""
PAIR, TRIPLE = "p: [B, 4], q: [B, 4]", "u: [B, 4], v: [B, 4], w: [B, 4]"
MODELS = {
    "new names": ("s: [B, 8]", PAIR, "Halves(s)"),
    "a name that is taken": ("s: [B, 8], x: [B, 8]", f"{PAIR}, x: [B, 8]", "Halves(s)"),
    "a name that is a given": ("s: [B, 8], given x: float32[B, 8]", PAIR, "Halves(s)"),
    "a given that is taken": (
        "a: [B, 4], b: [B, 4], x: [B, 8], s: [B, 8]", f"{PAIR}, a: [B, 4], b: [B, 4], x: [B, 8]",
        "one: Turned(a, b, x)\nHalves(s)\nuncall one(u = x[..], b = a, a = b)",
    ),
    "by keyword": ("a: [B, 4], b: [B, 4], given g: [B, 8]", None, "Turned(b = a, u = g, a = b)"),
    "in a circle": ("y: [B, 4], z: [B, 4], x: [B, 4]", TRIPLE, "Renamed(y, z, x)"),
    "undone": ("p: [B, 4], q: [B, 4]", "x: [B, 8]", "undo Halves(p, q)"),
    "uncalled": ("r: [B, 4], s: [B, 4]", "x: [B, 8]", "uncall Halves(r, s)"),
    "in a loop": (
        "s: [B, 8], r: [B, 8]", None,
        "repeat 2 {\nHalves(s)\nq += mlp(r, width = 2, out = 4)\nuncall Halves(p, q)\n"
        "split x -> s\nr += s\n}",
    ),
    "of rank one": ("k: label(5)[B]", "m: label(5)[B]", "Marked(k)"),
}  # fmt: skip


@pytest.mark.parametrize("name", MODELS)
def test_the_inverse_in_source_is_the_inverse(name: str) -> None:
    takes, gives, body = MODELS[name]
    text = f"{HEAD}model Net({takes}){f' -> ({gives})' if gives else ''} {{\n{body}\n}}\n"
    inverse = invert(text)
    if name == "a name that is a given":
        assert lint(inverse).denied, "a given cannot make room, and that is not passed over"
        return
    assert lint(text).findings == lint(inverse).findings == ()
    model, undone, again = (revc.compile(one) for one in (text, inverse, invert(inverse)))
    for other in (undone, again):
        other.load_state_dict(model.state_dict())
    values = {slot.name: value_of(slot) for slot in model.interface.entries}
    given = {slot.name: values[slot.name] for slot in model.interface.givens}
    out = named(model, model(**values))
    back = named(undone, undone(**out, **given))
    expected = model.inverse(**out, **given)
    expected = expected if isinstance(expected, tuple) else (expected,)
    for slot, value in zip(model.interface.takes, expected, strict=True):
        assert torch.equal(back[slot.name], value)
    for name, value in named(again, again(**values)).items():
        assert torch.equal(value, out[name])


def value_of(slot: Slot) -> torch.Tensor:
    """Return a value for an input, of three examples."""
    if slot.kind == "label":
        return torch.randint(5, (3,))
    return torch.randn(3, *(evaluate(dim, {}) for dim in slot.shape[1:]))


def named(model: ReversibleModel, out: object) -> dict[str, torch.Tensor]:
    """Return results by name."""
    if isinstance(out, torch.Tensor):
        return {model.interface.gives[0].name: out}
    found: dict[str, torch.Tensor] = out._asdict()  # type: ignore[attr-defined]
    return found
