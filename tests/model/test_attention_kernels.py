"""Attention's kernels: the formula that CUDA takes in float64 is the fused kernels' function."""

import pytest
import torch

from revc.runtime.nets import attention_kernels as kernels


@pytest.mark.parametrize(("causal", "window"), [(False, None), (True, None), (True, 3), (False, 2)])
def test_the_formula_is_what_the_fused_kernel_computes(causal: bool, window: int | None) -> None:
    random = torch.Generator().manual_seed(1)
    q, k, v, g = torch.randn(4, 2, 3, 7, 8, dtype=torch.float64, generator=random)
    fused = kernels.attend(q, k, v, causal, window)
    forward, pull = kernels.KERNELS["full"]
    ours = forward(q, k, v, causal, window)
    backs = kernels.attend_vjp(g, q, k, v, *fused, causal, window)
    own = pull(g, q, k, v, *ours, causal, window)
    for theirs, mine in zip((*fused, *backs), (*ours, *own), strict=True):
        assert torch.allclose(theirs, mine, rtol=1e-12, atol=1e-12)
