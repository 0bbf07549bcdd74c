"""Floating-point operations: those of matrix products and attention, by torch's own formulas."""

from collections.abc import Callable
from typing import Any

import torch
from torch.utils.flop_counter import flop_registry, sdpa_backward_flop_count, sdpa_flop_count

aten = torch.ops.aten


def _attention(q: Any, k: Any, v: Any, *_: Any, **__: Any) -> int:
    return sdpa_flop_count(q.shape, k.shape, v.shape)


def _attention_backward(gradient: Any, q: Any, k: Any, v: Any, *_: Any, **__: Any) -> int:
    return sdpa_backward_flop_count(gradient.shape, q.shape, k.shape, v.shape)


# torch's registry has the attention kernels of CUDA and leaves the CPU's out.
FORMULAS: dict[Any, Callable[..., int]] = {
    **flop_registry,
    aten._scaled_dot_product_flash_attention_for_cpu: _attention,
    aten._scaled_dot_product_flash_attention_for_cpu_backward: _attention_backward,
}


def operations(func: Any, args: Any, kwargs: Any, out: Any) -> int:
    """Return what a call of an operator counts, which gave `out`."""
    formula = FORMULAS.get(func._overloadpacket)
    return 0 if formula is None else formula(*args, **(kwargs or {}), out_val=out)
