"""What the keys that nets draw cost, and where it is booked."""

import torch
from torch import Tensor

from revc.runtime.bits.constants import UNIT
from revc.runtime.bits.expand import KEY_BITS
from revc.runtime.metered.books import Books

METER = "keys"
"""What keys are booked under."""


def cost(keys: int, sequences: int, device: torch.device) -> Tensor:
    """Return what keys cost each sequence of a batch, int64 [sequences] in 2**-20 bit.

    They are split evenly, to the last unit.
    """
    units, among = KEY_BITS * UNIT, max(1, sequences)  # which may be a symbol of a compiler
    ones = torch.arange(sequences, device=device) < units % among
    return keys * (units // among + ones.to(torch.int64))


def book(books: Books, amounts: Tensor) -> None:
    """Book what keys cost: drawn from a reservoir, and written, since the way back has them."""
    for side in (books.drawn, books.written):
        side.book(METER, amounts)


def books_of(amounts: Tensor) -> Books:
    """Return the books of a run that cost keys alone."""
    books = Books(len(amounts), amounts.device)
    book(books, amounts)
    return books
