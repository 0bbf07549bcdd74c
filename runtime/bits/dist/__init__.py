"""Distributions over integers that a stack can push and pop."""

from revc.runtime.bits.dist.base import Distribution, Level
from revc.runtime.bits.dist.categorical import Categorical
from revc.runtime.bits.dist.floats import FloatBits
from revc.runtime.bits.dist.table import Table
from revc.runtime.bits.dist.uniform import Uniform, WideUniform, raw_bits
from revc.runtime.bits.dist.window import Gaussian, Logistic, Mixture

__all__ = [
    "Categorical",
    "Distribution",
    "FloatBits",
    "Gaussian",
    "Level",
    "Logistic",
    "Mixture",
    "Table",
    "Uniform",
    "WideUniform",
    "raw_bits",
]
