"""The fused attention of CUDA, played by the CPU's: it refuses what theirs refuse."""

from typing import Any

import torch
from torch import Tensor

aten = torch.ops.aten


def _attend(
    q: Tensor, k: Tensor, v: Tensor, bias: Tensor | None, lengths: bool, dropout: float = 0.0,
    causal: bool = False, *, scale: float | None = None,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:  # fmt: skip
    _check_attention(q, bias)
    found = aten._scaled_dot_product_flash_attention_for_cpu(
        q, k, v, dropout, causal, attn_mask=bias, scale=scale
    )
    nothing = torch.zeros((), dtype=torch.int64)
    return (*found, nothing, nothing)


def _attend_back(
    gradient: Tensor, q: Tensor, k: Tensor, v: Tensor, bias: Tensor | None, out: Tensor,
    row: Tensor, _seed: Tensor, _offset: Tensor, dropout: float, _wanted: Any,
    causal: bool = False, *, scale: float | None = None,
) -> tuple[Tensor | None, ...]:  # fmt: skip
    _check_attention(q, bias)
    found = aten._scaled_dot_product_flash_attention_for_cpu_backward(
        gradient, q, k, v, out, row, dropout, causal, attn_mask=bias, scale=scale
    )
    return (*found, None)


def _flash(
    q: Tensor, k: Tensor, v: Tensor, _qs: None, _ks: None, _longest: int, _last: int,
    dropout: float, causal: bool, _mask: bool, **how: Any,
) -> tuple[Tensor, ...]:  # fmt: skip
    q, k, v = _heads_first(q, k, v)
    bias, scale = _sides(q, k, causal, **how)
    found = aten._scaled_dot_product_flash_attention_for_cpu(
        q, k, v, dropout, causal and bias is None, attn_mask=bias, scale=scale
    )
    nothing = torch.zeros(2, dtype=torch.uint64)
    return (found[0].transpose(1, 2), found[1], nothing, nothing, nothing)


def _flash_back(
    gradient: Tensor, q: Tensor, k: Tensor, v: Tensor, out: Tensor, row: Tensor, _qs: None,
    _ks: None, _longest: int, _last: int, dropout: float, causal: bool, _seed: Tensor,
    _unused: Tensor, **how: Any,
) -> tuple[Tensor, ...]:  # fmt: skip
    gradient, q, k, v, out = _heads_first(gradient, q, k, v, out)
    bias, scale = _sides(q, k, causal, **how)
    found = aten._scaled_dot_product_flash_attention_for_cpu_backward(
        gradient, q, k, v, out, row, dropout, causal and bias is None, attn_mask=bias, scale=scale
    )
    return tuple(x.transpose(1, 2) for x in found)


def _heads_first(*tensors: Tensor) -> tuple[Tensor, ...]:
    """Return [B, T, H, D] as [B, H, T, D], having refused what flash attention refuses."""
    for x in tensors:
        if x.dtype not in (torch.bfloat16, torch.float16) or x.shape[-1] % 8 or x.stride(-1) != 1:
            raise RuntimeError(f"flash attention takes no {x.dtype} {list(x.shape)}")
    return tuple(x.transpose(1, 2) for x in tensors)


def _sides(
    q: Tensor, k: Tensor, causal: bool, scale: float | None = None, window_size_left: int = -1,
    window_size_right: int = -1,
) -> tuple[Tensor | None, float | None]:  # fmt: skip
    """Return the bias that stands for a window, None for all that a causal flag says."""
    if window_size_left < 0 and window_size_right < 0:
        return None, scale
    back = torch.arange(q.shape[-2])[:, None] - torch.arange(k.shape[-2])
    right = 0 if causal else window_size_right
    seen = (back <= window_size_left) & (back >= -right)
    bias = torch.zeros(seen.shape, dtype=q.dtype).masked_fill_(~seen, -torch.inf)
    return bias, scale


def _check_attention(q: Tensor, bias: Tensor | None) -> None:
    """Refuse what the CUDA kernels refuse."""
    if q.dtype == torch.float64:
        raise RuntimeError("expected query to be half, bfloat16 or float")
    unit = 16 // q.element_size()
    if q.shape[-1] % unit or (bias is not None and bias.stride(-2) % unit):
        raise RuntimeError("query or bias is not correctly aligned")


ATTENTION: dict[Any, Any] = {
    aten._scaled_dot_product_efficient_attention.default: _attend,
    aten._scaled_dot_product_efficient_attention_backward.default: _attend_back,
    aten._flash_attention_forward.default: _flash,
    aten._flash_attention_backward.default: _flash_back,
}
