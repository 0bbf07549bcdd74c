"""Scaled dot-product attention with its VJP, by the fused kernel of each device.

The kernels keep [B, H, T, D] and the log-sum-exp of each row, never the [T, T] scores. Their
forward passes are deterministic; so are the backward passes on the CPU.
"""

import torch
from torch import Tensor

aten = torch.ops.aten


def attend(
    q: Tensor, k: Tensor, v: Tensor, causal: bool, window: int | None
) -> tuple[Tensor, Tensor]:
    """Return softmax(q k' / sqrt(D)) v, shape [B, H, T, D], and the log-sum-exp, [B, H, T].

    Args:
        q: queries, [B, H, T, D].
        k: keys, [B, H, S, D].
        v: values, [B, H, S, D].
        causal: whether position t sees positions up to t only.
        window: how many positions back it sees, itself included; None for all.
    """
    if q.numel() == 0:  # the CPU's kernel divides by the number of positions
        return torch.empty_like(q), q.new_empty(q.shape[:-1])
    q, k, v = _dense(q), _dense(k), _dense(v)
    bias = _window_bias(q, k, causal, window)
    causal = causal and window is None
    if q.device.type == "cuda":
        out, row, *_ = aten._scaled_dot_product_efficient_attention(
            q, k, v, _aligned(bias, q, k), True, 0.0, causal
        )
        return out, row
    return aten._scaled_dot_product_flash_attention_for_cpu(q, k, v, 0.0, causal, attn_mask=bias)


def attend_vjp(
    gradient: Tensor,
    q: Tensor,
    k: Tensor,
    v: Tensor,
    out: Tensor,
    row: Tensor,
    causal: bool,
    window: int | None,
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the cotangents of q, k and v from that of the output and what `attend` returned."""
    if q.numel() == 0:
        return torch.empty_like(q), torch.zeros_like(k), torch.zeros_like(v)
    gradient, q, k, v, out = [_dense(x) for x in (gradient, q, k, v, out)]
    bias = _window_bias(q, k, causal, window)
    causal = causal and window is None
    if q.device.type == "cuda":
        zero = torch.zeros((), dtype=torch.int64, device=q.device)
        dq, dk, dv, _ = aten._scaled_dot_product_efficient_attention_backward(
            gradient, q, k, v, _aligned(bias, q, k), out, row, zero, zero, 0.0,
            (True, True, True, False), causal,
        )  # fmt: skip
        return dq, dk, dv
    return aten._scaled_dot_product_flash_attention_for_cpu_backward(
        gradient, q, k, v, out, row, 0.0, causal, attn_mask=bias
    )


def _dense(x: Tensor) -> Tensor:
    """Return `x` with adjacent features, which the kernels take for granted without a check."""
    return x if x.stride(-1) == 1 else x.contiguous()


def _window_bias(q: Tensor, k: Tensor, causal: bool, window: int | None) -> Tensor | None:
    if window is None:
        return None
    back = torch.arange(q.shape[-2], device=q.device)[:, None] - torch.arange(
        k.shape[-2], device=q.device
    )
    seen = (back < window) & (back >= 0 if causal else back > -window)
    return torch.zeros(seen.shape, dtype=q.dtype, device=q.device).masked_fill_(~seen, -torch.inf)


def _aligned(bias: Tensor | None, q: Tensor, k: Tensor) -> Tensor | None:
    """Expand the bias to all heads over rows padded to 16 elements, as the CUDA kernel wants it."""
    if bias is None:
        return None
    keys = k.shape[-2]
    padded = torch.nn.functional.pad(bias, (0, -keys % 16))
    return padded[:, :keys].expand(q.shape[0], q.shape[1], -1, -1)
