"""Small rows of numbers gathered as a run goes, one a segment."""

import torch
from torch import Tensor

_PAGE = 64


class Rows:
    """A table of `width` numbers for each of `count` positions, in pages of 64 rows.

    A page's size does not depend on the number of segments, nor does then a deep model's memory.
    """

    def __init__(self, count: int, width: int, dtype: torch.dtype, device: torch.device) -> None:
        pages = -(-count // _PAGE)
        self.count = count
        self.table = torch.zeros(pages * _PAGE, width, dtype=dtype, device=device)

    def put(self, position: int, row: Tensor) -> None:
        """Write a row, [at most width]."""
        self.table[position, : row.shape[0]] = row

    def add(self, position: int, row: Tensor) -> None:
        """Add to a row, [at most width]."""
        self.table[position, : row.shape[0]] += row

    def row(self, position: int, width: int) -> Tensor:
        """Return the first `width` numbers of a row, a view."""
        return self.table[position, :width]

    @property
    def filled(self) -> Tensor:
        """The rows of all positions, [count, width]."""
        return self.table[: self.count]
