"""The built-in nets as torch modules: they hold parameters and say in plain torch what is meant.

Compiled graphs do not call them: each net's graph and VJP graph are ATen code over the same
parameters. Their `forward` is for people, and the oracle of the tests.
"""

from revc.runtime.nets.attention import Attention
from revc.runtime.nets.base import Net
from revc.runtime.nets.conv import Conv
from revc.runtime.nets.dropout import Dropout
from revc.runtime.nets.linear import CrossEntropy, Embedding, Gate, Linear, Parameter
from revc.runtime.nets.mixing import LU, Householder, Orthogonal
from revc.runtime.nets.mlp import Mlp
from revc.runtime.nets.norm import GroupNorm, Norm
from revc.runtime.nets.pooling import Mean, Pool

__all__ = [
    "LU",
    "Attention",
    "Conv",
    "CrossEntropy",
    "Dropout",
    "Embedding",
    "Gate",
    "GroupNorm",
    "Householder",
    "Linear",
    "Mean",
    "Mlp",
    "Net",
    "Norm",
    "Orthogonal",
    "Parameter",
    "Pool",
]
