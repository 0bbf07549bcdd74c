"""Kernels of valves give what the operators do; run with TRITON_INTERPRET=1."""

import torch
from torch import Tensor

import tests.bits  # noqa: F401  what mends the interpreter
from revc.runtime.metered import kernels, parts
from revc.runtime.metered.coding import Coding
from revc.runtime.metered.lengths import sequence_length
from revc.runtime.metered.lengths_vjp import reparameterise_vjp, sequence_length_vjp
from revc.runtime.metered.quantiser import Parts, coded, split, whole
from revc.runtime.state.lattice import INTEGERS

F64 = torch.float64
STEPS = {1.0: 8, 1 / 16: 20, 2.0**-20: 20}
"""Steps, and the fraction bits of their lattices."""


def near(found: Tensor, want: Tensor, rtol: float) -> None:
    """Relative to each entry, or to rounding in the largest of its row."""
    top = want.abs().amax(-1, keepdim=True)
    worst = ((found.double() - want).abs() / (want.abs() + 1e-3 * top + 1e-30)).max()
    assert worst < rtol, worst


def check(step: float, dtype: torch.dtype, slot: bool, device: str) -> None:
    """All three kernels on values near and far out, and on a slot of a wider register."""
    random = torch.Generator().manual_seed(1)
    at = Coding("logistic", "lattice", STEPS[step], 32, step)
    shape = (3, 70, 11)
    params = torch.randn((*shape[:2], 22), generator=random) * 4
    params[0, ::7, 11:] = 60.0
    params[1, ::5, 11:] = -60.0
    params[1, 1::5, 11:] = -17.0  # 1 + e**-17 is 1, and half the finest step not much more
    params = params.to(dtype)
    value = params[..., :11].float() + torch.randn(shape, generator=random) * 3
    value[2, ::3] *= 30
    raw = torch.round(value * 2.0 ** STEPS[step]).int()
    wide = torch.cat((raw, raw), -1)
    raw = wide[..., :11] if slot else raw
    cotangent = torch.randn(3, generator=random)
    by = torch.randn(shape, generator=random)
    exact = coded(raw, at, F64)
    here = [x.to(device) for x in (cotangent, params, by)]
    own = (wide.to(device)[..., :11] if slot else raw.to(device), here[1], step, at.unit)

    found = kernels.sequence_length(*own)
    near(found[:, None].cpu(), sequence_length("logistic", exact, params.double(), step)[:, None],
         3e-5)  # fmt: skip
    d_value, d_params = kernels.sequence_length_vjp(here[0], *own)
    want, of_params = sequence_length_vjp(
        "logistic", cotangent.double(), exact, params.double(), step
    )
    rtol = 1e-3 if dtype == torch.float32 else 1e-2
    assert want is not None
    assert of_params is not None
    near(d_value.cpu(), want, rtol)
    near(d_params.cpu(), of_params, rtol)
    by_draw = kernels.reparameterise_vjp(here[2], *own)
    of_draw = reparameterise_vjp("logistic", by.double(), exact, params.double(), step)
    assert of_draw is not None
    near(by_draw.cpu(), of_draw, rtol)
    assert (d_params.dtype, by_draw.dtype, d_value.dtype) == (dtype, dtype, torch.float32)
    assert torch.equal(kernels.sequence_length(*own), found), "sums have one order"


def check_parts(width: int, fraction: int, step: float, slot: bool, device: str) -> None:
    """Splitting and joining, of values all over a lattice, and beyond it."""
    at = Coding("logistic", "lattice", fraction, width, step)
    random = torch.Generator().manual_seed(2)
    words = torch.randint(-(2**63), 2**63 - 1, (3, 90, 10), generator=random)
    wide = (words >> (64 - width)).to(INTEGERS[width])
    raw = wide[..., :5] if slot else wide
    here = wide.to(device)[..., :5] if slot else wide.to(device)
    found, want = Parts(*parts.split(here, at.unit)), split(raw, at)
    assert want.residue is not None
    assert torch.equal(found.index.cpu(), want.index)
    assert found.residue is not None
    assert torch.equal(found.residue.cpu(), want.residue)
    for index in (want.index, want.index + 2 ** min(30, width - 2)):
        for residue in (want.residue, None):
            values = whole(Parts(index, residue), at)
            rest = None if residue is None else residue.to(device)
            held, bad = parts.join(index.to(device), rest, at.unit, at.dtype)
            assert torch.equal(held.cpu(), values.to(at.dtype))
            assert bool(bad) == bool((values.to(at.dtype) != values).any())


def main(device: str = "cpu") -> None:
    for step in STEPS:
        for slot in (False, True):
            check(step, torch.float32, slot, device)
    check(1 / 16, torch.float16, True, device)
    for slot in (False, True):
        check_parts(32, 20, 1 / 16, slot, device)
        check_parts(16, 8, 1.0, slot, device)


if __name__ == "__main__":
    main()
