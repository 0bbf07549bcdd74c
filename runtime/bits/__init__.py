"""Bits: stacks of bits that give back exactly what was pushed, and the books about them."""

from revc.runtime.bits.constants import Mode
from revc.runtime.bits.stack import BitStack

__all__ = ["BitStack", "Mode"]
