"""From weights to frequencies in integers alone, so that every device finds the same ones.

The float step is one multiplication by a power of two and a rounding; everything after it is
exact. Logits are snapped to 2**-12 nats, exponentials come from a frozen table, and the leaky rule

    C_i = i + floor(W_i (2**16 - K) / W_K),    W_i = w_0 + ... + w_(i-1),

gives K symbols frequencies of at least 1 that sum to 2**16.
"""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor

from revc.runtime.bits.constants import TOTAL
from revc.runtime.bits.errors import ParameterError
from revc.runtime.bits.tables import power_table

LOGIT_UNIT = 1 << 12
LOG2_E_20 = 1512775
"""round(2**20 * log2(e))"""
LOGIT_LIMIT = float(1 << 40)


@cache
def _powers(device: torch.device) -> Tensor:
    return torch.from_numpy(power_table()).to(device)


def exponentials(logits: Tensor) -> Tensor:
    """Integer weights int64 of finite float64 logits [..., K] in nats."""
    snapped = torch.round(logits * LOGIT_UNIT).clamp(-LOGIT_LIMIT, LOGIT_LIMIT).long()
    return fixed_exponentials(snapped)


def fixed_exponentials(logits: Tensor) -> Tensor:
    """Integer weights 1 + 2**30 exp(logit - max) of logits [..., K] int64 in 2**-12 nats.

    Above 2**16 classes they shrink by as many bits as keep their sum below 2**46 + K.
    """
    spare = max(0, (logits.shape[-1] - 1).bit_length() - 16)
    below = (logits.amax(-1, keepdim=True) - logits).clamp(max=32 * LOGIT_UNIT)
    bits = (below * LOG2_E_20) >> 20
    return 1 + (_powers(logits.device)[bits & 4095] >> ((bits >> 12) + spare).clamp(max=40))


def leaky_cdf(weights: Tensor, sizes: Tensor | int) -> Tensor:
    """CDF int32 [..., K + 1] of int64 weights [..., K] by the leaky rule.

    Only the first ``sizes`` (per row, [...], or one int) symbols take part; the entries after
    them are 2**16, which makes the rest impossible. The sum of weights has to stay below 2**47.
    """
    count = weights.shape[-1]
    if isinstance(sizes, int):
        sizes = torch.full(weights.shape[:-1], sizes, device=weights.device)
    size = sizes[..., None]
    index = torch.arange(count + 1, device=weights.device)
    inside = weights * (index[:-1] < size)
    cumulative = torch.nn.functional.pad(inside.cumsum(-1), (1, 0))
    share = cumulative * (TOTAL - size) // cumulative[..., -1:].clamp(min=1)
    return (torch.minimum(index, size) + share).to(torch.int32)


def mixture_weights(logits: Tensor) -> Tensor:
    """Weights int32 [..., C] that sum to 2**16 for finite float64 logits."""
    return shares(exponentials(logits))


def shares(weights: Tensor) -> Tensor:
    """Positive int64 weights [..., C] scaled to int32 ones that sum to 2**16."""
    cumulative = weights.cumsum(-1)
    bounds = cumulative * TOTAL // cumulative[..., -1:]
    return torch.diff(bounds, dim=-1, prepend=torch.zeros_like(bounds[..., :1])).to(torch.int32)


def frequencies_from_counts(counts: Tensor) -> Tensor:
    """Frequencies int64 [K] for non-negative integer counts [K], by the leaky rule."""
    if counts.dim() != 1 or not 1 <= counts.numel() <= TOTAL // 2:
        raise ParameterError(f"counts are [K] with K in [1, 2**15], not {list(counts.shape)}")
    if counts.is_floating_point() or bool((counts < 0).any()):
        raise ParameterError("counts are non-negative integers")
    weights = counts.long() * 2 + 1
    if int(weights.sum()) >= 1 << 46:
        raise ParameterError("counts have to sum to less than 2**45")
    return torch.diff(leaky_cdf(weights, counts.numel())).long()
