"""Training under a budget of bits: loss terms and callbacks for ordinary PyTorch loops."""

from revc.training.alpha import Alpha
from revc.training.density import bits_per_dim
from revc.training.objective import DualAscent, Objective, allowed_bits, expected_loss
from revc.training.protocol import Protocol, cosine, linear

__all__ = [
    "Alpha",
    "DualAscent",
    "Objective",
    "Protocol",
    "allowed_bits",
    "bits_per_dim",
    "cosine",
    "expected_loss",
    "linear",
]
