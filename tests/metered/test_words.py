"""Words that no call knows, and values that do not fit them, are refused by name."""

from typing import Any

import pytest
import torch

import revc
from revc.errors import BindError


def test_unknown_and_unfit_words_are_refused_by_name() -> None:
    torch.manual_seed(0)
    model = revc.compile(
        "use std.nets: linear\ndim B, T, d = 6\nstate lattice(Q12.20)\n"
        "model M(a: [B, T, d], given x: float32[B, T, d]) {\n"
        "  put a by logistic(linear(x), step = 1/16) as ca\n}\n"
    )
    x = torch.randn(4, 3, 6)
    assert model.sample(4, x=x).shape == (4, 3, 6)
    wrong: list[tuple[str, dict[str, Any]]] = [
        ("temperature", {"x": x, "temperature": 0.7}),
        ("given x", {"T": 3}),
        ("x is a float", {"x": 0.5}),
        ("x has size 4 on axis 0", {"x": x, "n": 5}),
        ("the spec says", {"x": x[0]}),
        ("pass floats", {"x": x.long()}),
        ("x has size 3 on axis 1", {"x": x, "T": 7}),
        ("T = 0.5: a size is", {"x": x, "T": 0.5}),
        ("T = 0: a size is", {"x": x, "T": 0}),
        ("B = 5, and n = 4", {"x": x, "B": 5}),
    ]
    for words, given in wrong:
        with pytest.raises(BindError, match=words):
            model.sample(**{"n": 4, **given})
    a = model.sample(4, x=x)
    for call in (model.score, model.compress, model.forward):
        with pytest.raises(BindError, match="'temperature' does not fit"):
            call(a, x, temperature=x)
    with pytest.raises(BindError, match="is given x, not x, temperature"):
        model.decompress(model.compress(a, x), x, temperature=x)
    with pytest.raises(BindError, match="'temperature' does not fit"):
        model.inverse(model(a, x), temperature=x)
    with pytest.raises(BindError, match="'temperature' does not fit"):
        model.inverse(x=x, temperature=x)
