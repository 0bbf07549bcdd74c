"""The nearest symbols with a frequency: a table of the rows gives what a search in each gives."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from revc.runtime.bits import sparse
from revc.runtime.bits.narrow import window_rows


@given(st.lists(st.lists(st.integers(0, 2), min_size=6, max_size=6).filter(any), min_size=1))
def test_a_table_gives_what_a_search_gives(weights: list[list[int]]) -> None:
    counts = torch.tensor(weights)
    cdf = torch.nn.functional.pad(counts.cumsum(1), (1, 0))
    cdf = (cdf * 65536 // cdf[:, -1:]).int()
    row = torch.arange(len(weights)).repeat_interleave(10).int()
    symbols = torch.arange(-2, 8).repeat(len(weights))
    found = sparse.nearest(cdf, row, symbols)
    assert torch.equal(found, sparse._by_search(cdf, row, symbols))
    assert torch.equal(found, sparse._by_table(cdf, row, symbols))
    assert bool((sparse.frequency(cdf, row, found) > 0).all())


def test_the_static_rows_agree_too() -> None:
    rows = window_rows("logistic", torch.device("cpu"))
    row = torch.arange(rows.cdf.shape[0]).repeat_interleave(16).int()
    symbols = torch.arange(row.numel()) * 7919 % 256
    assert torch.equal(
        sparse.nearest(rows.cdf, row, symbols), sparse._by_search(rows.cdf, row, symbols)
    )
