"""Scaled dot-product attention with its VJP, by the fused kernel of each device and dtype.

Which kernel runs follows from device, dtype and head size alone, never from a global flag, so that
a rebuild takes the one that the forward pass took: on the CPU its own; on CUDA flash attention for
16-bit floats, memory-efficient attention for float32, and the scores in full for float64, which no
fused kernel knows.

The fused kernels keep [B, H, T, D] and the log-sum-exp of each row, never the [T, T] scores. Their
forward passes are deterministic, which a rebuild needs; so are the backward passes on the CPU. On
CUDA the backward kernels add some parts of the queries' cotangent in any order, unless
``torch.use_deterministic_algorithms`` is on: then gradients repeat bit for bit, too.
"""

import torch
from torch import Tensor

from revc.runtime.shown import lies_by_features

aten = torch.ops.aten
FLASH_SIZE = 256
"""The largest heads that flash attention takes."""


def attend(
    q: Tensor, k: Tensor, v: Tensor, causal: bool, window: int | None
) -> tuple[Tensor, Tensor]:
    """Return softmax(q k' / sqrt(D)) v, shape [B, H, T, D], and the log-sum-exp of the scores.

    The latter is for `attend_vjp`: float32, or float64 if q is, [B, H, T or more].

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
    if q.device.type == "cuda":
        return KERNELS[_kernel(q)][0](q, k, v, causal, window)
    bias, causal = _window_bias(q, k, causal, window), causal and window is None
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
    if q.device.type == "cuda":
        return KERNELS[_kernel(q)][1](gradient, q, k, v, out, row, causal, window)
    bias, causal = _window_bias(q, k, causal, window), causal and window is None
    return aten._scaled_dot_product_flash_attention_for_cpu_backward(
        gradient, q, k, v, out, row, 0.0, causal, attn_mask=bias
    )


def _kernel(q: Tensor) -> str:
    """Return the name of the kernel on CUDA."""
    if q.dtype == torch.float64:
        return "full"
    half = q.dtype in (torch.bfloat16, torch.float16)
    return "flash" if half and q.shape[-1] <= FLASH_SIZE else "efficient"


def _flash(
    q: Tensor, k: Tensor, v: Tensor, causal: bool, window: int | None
) -> tuple[Tensor, Tensor]:
    size, (q, k, v) = q.shape[-1], _time_first(q, k, v)
    out, row, *_ = aten._flash_attention_forward(
        q, k, v, None, None, q.shape[1], k.shape[1], 0.0, causal, False, scale=size**-0.5,
        **_sides(causal, window),
    )  # fmt: skip
    return out.transpose(1, 2)[..., :size], row


def _flash_vjp(
    gradient: Tensor, q: Tensor, k: Tensor, v: Tensor, out: Tensor, row: Tensor, causal: bool,
    window: int | None,
) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
    size, (gradient, q, k, v, out) = q.shape[-1], _time_first(gradient, q, k, v, out)
    unused = torch.zeros(2, dtype=torch.uint64, device=q.device)  # the state of a dropout
    back = aten._flash_attention_backward(
        gradient, q, k, v, out, row, None, None, q.shape[1], k.shape[1], 0.0, causal, unused,
        unused, scale=size**-0.5, **_sides(causal, window),
    )  # fmt: skip
    dq, dk, dv = (x.transpose(1, 2)[..., :size] for x in back)
    return dq, dk, dv


def _time_first(*tensors: Tensor) -> tuple[Tensor, ...]:
    """Return them as [B, T, H, D], the order in which flash attention reads them."""
    return tuple(_padded(_dense(x.transpose(1, 2))) for x in tensors)


def _sides(causal: bool, window: int | None) -> dict[str, int]:
    """Return how many positions are seen to either side of one's own, which is not counted."""
    if window is None:
        return {}
    return {"window_size_left": window - 1, "window_size_right": 0 if causal else window - 1}


def _efficient(
    q: Tensor, k: Tensor, v: Tensor, causal: bool, window: int | None
) -> tuple[Tensor, Tensor]:
    size, bias = q.shape[-1], _aligned(_window_bias(q, k, causal, window), q, k)
    q, k, v = _padded(q), _padded(k), _padded(v)
    out, row, *_ = aten._scaled_dot_product_efficient_attention(
        q, k, v, bias, True, 0.0, causal and window is None, scale=size**-0.5
    )
    return out[..., :size], row


def _efficient_vjp(
    gradient: Tensor, q: Tensor, k: Tensor, v: Tensor, out: Tensor, row: Tensor, causal: bool,
    window: int | None,
) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
    size, bias = q.shape[-1], _aligned(_window_bias(q, k, causal, window), q, k)
    gradient, q, k, v, out = [_padded(x) for x in (gradient, q, k, v, out)]
    zero = torch.zeros((), dtype=torch.int64, device=q.device)
    dq, dk, dv, _ = aten._scaled_dot_product_efficient_attention_backward(
        gradient, q, k, v, bias, out, row, zero, zero, 0.0, (True, True, True, False),
        causal and window is None, scale=size**-0.5,
    )  # fmt: skip
    return dq[..., :size], dk[..., :size], dv[..., :size]


def _in_full(
    q: Tensor, k: Tensor, v: Tensor, causal: bool, window: int | None
) -> tuple[Tensor, Tensor]:
    scores = _scores(q, k, causal, window)
    row = scores.logsumexp(-1)
    return (scores - row[..., None]).exp() @ v, row


def _in_full_vjp(
    gradient: Tensor, q: Tensor, k: Tensor, v: Tensor, out: Tensor, row: Tensor, causal: bool,
    window: int | None,
) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
    weight = (_scores(q, k, causal, window) - row[..., None]).exp()
    inner = (gradient * out).sum(-1, keepdim=True)
    by_score = weight * (gradient @ v.mT - inner) * q.shape[-1] ** -0.5
    return by_score @ k, by_score.mT @ q, weight.mT @ gradient


KERNELS = {
    "flash": (_flash, _flash_vjp),
    "efficient": (_efficient, _efficient_vjp),
    "full": (_in_full, _in_full_vjp),
}


def _scores(q: Tensor, k: Tensor, causal: bool, window: int | None) -> Tensor:
    """Return q k' / sqrt(D), [B, H, T, S], minus infinity where a position is not seen."""
    scores = q @ k.mT * q.shape[-1] ** -0.5
    bias = _window_bias(q, k, causal, k.shape[-2] if causal and window is None else window)
    return scores if bias is None else scores + bias


def _dense(x: Tensor) -> Tensor:
    """Return `x` with adjacent features, which the kernels take for granted without a check."""
    return x if lies_by_features(x) else x.contiguous()


def _padded(x: Tensor) -> Tensor:
    """Return `x` with zeros up to a multiple of 8 features: CUDA kernels load 16 bytes at a time.

    Zeros change no score, and what comes out for them is zero.
    """
    return x if x.shape[-1] % 8 == 0 else torch.nn.functional.pad(x, (0, -x.shape[-1] % 8))


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
