"""Values with parameters for every family of code lengths."""

import pytest
import torch
from torch import Tensor

SINGLE = ("logistic", "gaussian")
LATTICE = (*SINGLE, "logistic_mixture")
DTYPES = pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
F64 = torch.float64


def width(family: str, n: int, components: int) -> int:
    return {"logistic_mixture": 3 * components * n, "softmax": 5}.get(family, 2 * n)


def case(
    family: str, shape: tuple[int, ...], components: int = 3, lacking: int = 0,
    dtype: torch.dtype = F64, seed: int = 0,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """Value and parameters; the parameters lack that many leading axes."""
    source = torch.Generator().manual_seed(seed)
    lead = shape[lacking:] if family == "softmax" else shape[lacking:-1]
    params = torch.randn(*lead, width(family, shape[-1], components), generator=source, dtype=dtype)
    if family == "softmax":
        return torch.randint(0, 5, shape, generator=source), params
    return torch.randn(shape, generator=source, dtype=dtype) * 3, params


def close(found: Tensor | None, want: Tensor, rtol: float = 1e-9) -> None:
    """Relative to each entry, or to rounding in the largest one."""
    assert found is not None
    assert found.shape == want.shape
    assert found.dtype == want.dtype
    top = want.abs().amax().item() if want.numel() else 0.0
    assert torch.allclose(found, want, rtol=rtol, atol=rtol * 1e-3 * top), (
        (found - want).abs().max()
    )
