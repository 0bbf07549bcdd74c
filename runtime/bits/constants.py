"""The numbers that fix the tape format, and the two coder modes."""

from __future__ import annotations

from enum import Enum

WORD_BITS = 16
PRECISION = 16
TOTAL = 1 << PRECISION
"""Frequencies of every table sum to this."""

UNIT_BITS = 20
"""Sizes and ledgers count in steps of 2**-UNIT_BITS bit: int64 holds 2**43 bits a sequence."""
UNIT = 1 << UNIT_BITS

LENGTH_BITS = 32
"""Lengths of single symbols, and entropies, are in steps of 2**-LENGTH_BITS bit."""
LENGTH_UNIT = 1 << LENGTH_BITS

ALPHA_BITS = 20
"""Shares of an entropy are in 2**-ALPHA_BITS."""

DEFAULT_LANES = 32
"""Lanes that one sequence owns."""

DEVICE_LANES = 512
"""Lanes of a sequence on an accelerator: 32 sequences then fill one, where 32 lanes would leave all
but a few of its multiprocessors idle; and heads of 48 bits are 1 to 2 % of 16,384 symbols."""


class Mode(Enum):
    """Width of a head: its lower bound is ``2**low``, its upper bound ``2**(low + 16)``.

    ``WIDE`` (48/16) stays within 1e-8 bit a symbol of its table's entropy. ``FAST`` (32/16)
    keeps heads in 32 bits and pays about 5e-3 bit a symbol at 16-bit precision.
    """

    WIDE = 32
    FAST = 16

    @property
    def low(self) -> int:
        """Log2 of the smallest head."""
        return self.value
