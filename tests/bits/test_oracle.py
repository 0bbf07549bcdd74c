"""constriction, an independent entropy coder, needs as many bits for the same integer models."""

import numpy as np
import pytest
import torch
from torch import Tensor

from revc.runtime.bits import BitStack
from revc.runtime.bits.constants import UNIT
from revc.runtime.bits.dist import Categorical, Gaussian, Logistic, Mixture, Table
from revc.runtime.bits.integer import exponentials, leaky_cdf
from revc.runtime.bits.window import interval

constriction = pytest.importorskip("constriction")
SLACK = 100.0
"""Bits that its last words and our heads may differ by."""


def theirs(symbols: np.ndarray, probabilities: np.ndarray) -> float:
    """Bits that constriction's ANS coder takes; probabilities [K] for all symbols, or [N, K]."""
    coder = constriction.stream.stack.AnsCoder()
    if probabilities.ndim == 1:
        model = constriction.stream.model.Categorical(probabilities, perfect=True)
        coder.encode_reverse(symbols, model)
        assert np.array_equal(coder.clone().decode(model, len(symbols)), symbols)
    else:
        coder.encode_reverse(
            symbols, constriction.stream.model.Categorical(perfect=True), probabilities
        )
    return float(coder.num_valid_bits())


def ours(push: object, symbols: Tensor) -> float:
    stack = BitStack(1, lanes=1)
    before = stack.size()
    stack.push(symbols, push)  # type: ignore[arg-type]
    return float(stack.size() - before) / UNIT


@pytest.mark.parametrize("spread", [1.0, 6.0, 100.0])
def test_tables(spread: float) -> None:
    table = Table.from_probabilities(2.0 ** (-torch.arange(64) / spread))
    p = table.freq.double() / 65536
    symbols = torch.multinomial(
        p, 50_000, replacement=True, generator=torch.Generator().manual_seed(1)
    )
    want = theirs(symbols.numpy().astype(np.int32), p.numpy())
    assert abs(ours(table, symbols[None]) - want) < SLACK


def test_softmax() -> None:
    logits = torch.randn((1, 3000, 50), generator=torch.Generator().manual_seed(2)) * 3
    model = Categorical(logits)
    symbols = BitStack(1, seed=4).pop(model)
    freq = torch.diff(leaky_cdf(exponentials(logits[0].double()), 50).double())
    want = theirs(symbols[0].numpy(), freq.numpy() / 65536)
    assert abs(ours(model, symbols) - want) < SLACK


@pytest.mark.parametrize("kind", ["logistic", "gaussian", "mixture"])
def test_windows(kind: str) -> None:
    random = torch.Generator().manual_seed(3)
    shape = (1, 1500, 2 if kind == "mixture" else 1)
    loc = torch.randint(-(1 << 14), 1 << 14, (*shape[:2], 1), generator=random)
    loc = loc + torch.randint(-(1 << 9), 1 << 9, shape, generator=random)
    scale = torch.randint(0, 32, shape, generator=random).to(torch.uint8)
    weight = torch.full(shape, 65536 // shape[2], dtype=torch.int32)
    model = {
        "logistic": lambda: Logistic.from_grid(loc[..., 0], scale[..., 0]),
        "gaussian": lambda: Gaussian.from_grid(loc[..., 0], scale[..., 0]),
        "mixture": lambda: Mixture.from_grid(weight, loc, scale),
    }[kind]()
    symbols = BitStack(1, seed=5).pop(model).long()
    centre = loc[0, :, :1] >> 8
    values = centre + torch.arange(-200, 200)
    grid = [p[0][:, None, :].expand(-1, 400, -1) for p in (weight, loc, scale)]
    family = "gaussian" if kind == "gaussian" else "logistic"
    found = interval(family, values, *grid)
    inside = (found.lower[1] == 1) & (found.upper[1] == 1)
    freq = torch.where(inside, found.freq, 0).double()
    keep = (symbols[0] - centre[:, 0]).abs() < 200
    keep &= inside.gather(1, (symbols[0] - centre[:, 0] + 200).clamp(0, 399)[:, None])[:, 0]
    assert int(keep.sum()) > 1400
    # The escape has the last point of every window; constriction gets it as a symbol of its own.
    whole = torch.cat([freq, torch.ones(len(freq), 1)], 1)[keep]
    assert bool((whole.sum(1) == 65536).all())
    used = (whole.sum(0) > 0).nonzero()[:, 0]
    index = (symbols[0] - centre[:, 0] + 200)[keep]
    lengths = -torch.log2(whole.gather(1, index[:, None])[:, 0] / 65536)
    dense = whole[:, used] / 65536
    position = torch.searchsorted(used, index)
    rows = (dense > 0).sum(1)
    # constriction gives every symbol a chance, so symbols outside a window are packed away first.
    order = torch.argsort((dense == 0).int(), dim=1, stable=True)
    packed = dense.gather(1, order)
    place = (order == position[:, None]).int().argmax(1)
    bits = 0.0
    for width in rows.unique().tolist():
        rows_here = rows == width
        bits += theirs(
            place[rows_here].numpy().astype(np.int32),
            packed[rows_here][:, :width].contiguous().numpy(),
        )
    picked = [p[:, keep] for p in (weight, loc, scale)]
    again = {
        "logistic": lambda: Logistic.from_grid(picked[1][..., 0], picked[2][..., 0]),
        "gaussian": lambda: Gaussian.from_grid(picked[1][..., 0], picked[2][..., 0]),
        "mixture": lambda: Mixture.from_grid(*picked),
    }[kind]()
    assert abs(ours(again, symbols[:, keep]) - float(lengths.sum())) < 1.0
    assert abs(bits - float(lengths.sum())) < 64.0 * len(rows.unique())
