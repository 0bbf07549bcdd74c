"""Distributions as they are compared: by bits a dimension."""

import math
from collections.abc import Sequence

from torch import Tensor


def bits_per_dim(score: Tensor, shape: Sequence[int]) -> Tensor:
    """Return the mean of code lengths by dimension, 0-dim, differentiable: a loss to train on.

    Args:
        score: code lengths in bits, float [B], as ``model.score`` returns them.
        shape: of the batch, [B, ..]; all its axes but the first are dimensions.
    """
    return score.mean() / math.prod(shape[1:])
