"""A valve's quantising and code length in a kernel each: interpreted and compiled."""

from contextlib import nullcontext

import pytest
import torch

import revc
from revc.runtime.metered.coding import Coding
from revc.runtime.metered.device import length_kernels, part_kernels
from tests.interpreted import printed
from tests.metered.test_programs import HEAD, PAIR
from tests.played import played
from tests.run.launches import launches

VALVE = PAIR.format("valve a[.., :3] by logistic(linear(b), step = 1/16) as va\nb += linear(a)")


def test_interpreted_kernels_give_the_operators_values() -> None:
    printed("tests.metered.fused")


def test_the_kernels_compile() -> None:
    pytest.importorskip("triton")
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource, compile

    from revc.runtime.metered import kernels, parts

    pointers = {
        "raw": "*i32", "params": "*bf16", "d_params": "*bf16", "index": "*i32",
        "residue": "*i64", "flag": "*u8", "cotangent": "*fp32", "d_value": "*fp32",
    }  # fmt: skip
    types = {**pointers, "step": "fp32", "out": "*fp32"}
    options = {"num_warps": 4, "enable_fp_fusion": False}
    for kernel in (kernels.measured, kernels.pulled, kernels.drawn, parts.parted, parts.joined):
        own = {n: v for n, v in {"BLOCK": 1024, "RESIDUE": True}.items() if n in kernel.arg_names}
        here = {**types, "out": "*i32"} if kernel is parts.joined else types
        signature = {n: "constexpr" if n in own else here.get(n, "i32") for n in kernel.arg_names}
        source = ASTSource(fn=kernel, signature=signature, constexprs=own)
        built = compile(source, target=GPUTarget("cuda", 90, 32), options=options)
        assert ".target sm_90" in built.asm["ptx"]


def step(kernels: bool) -> tuple[list[torch.Tensor], str]:
    """The books and gradients of a step on a played device, and its tape's digest."""
    with played() as device, launches(device) if kernels else nullcontext():
        torch.manual_seed(0)
        model = revc.compile(HEAD + VALVE).to("cuda")
        model.bits.seed = 0
        inputs = [(torch.randn(2, 5, 8) * 0.4).to("cuda").requires_grad_() for _ in range(2)]
        out = model(*inputs)
        digest = out.run.session.stacks["tape"].digest()
        booked = out.ledger.bits("net", "va")
        (out.a.square().sum() + out.b.square().sum() + out.written["va"].sum()).backward()
        leaves = [*inputs, *model.parameters()]
        grown = [leaf.grad.cpu() for leaf in leaves if leaf.grad is not None]
    return [booked.cpu(), *grown], digest


def test_bits_are_booked_as_before() -> None:
    (books, *grown), tape = step(kernels=False)
    (same_books, *found), same = step(kernels=True)
    assert tape == same
    assert torch.equal(books, same_books)
    for one, other in zip(grown, found, strict=True):
        assert torch.allclose(one, other, rtol=1e-4, atol=1e-6)


F32 = torch.float32
LOGISTIC = Coding("logistic", "lattice", 20, 32, 1 / 16)


def test_elsewhere_operators_run() -> None:
    raw, params = torch.zeros(2, 3).int(), torch.zeros(2, 6)
    assert length_kernels(LOGISTIC, raw, params, F32) is None
    assert part_kernels(LOGISTIC, raw) is None


def test_what_kernels_are_for() -> None:
    with played() as device, launches(device):
        raw, params = torch.zeros(2, 3).int().to("cuda"), torch.zeros(2, 6).to("cuda")
        assert length_kernels(LOGISTIC, raw, params, F32) is not None
        for other in (
            Coding("gaussian", "lattice", 20, 32, 1 / 16), Coding("logistic", "float32"),
            Coding("logistic", "lattice", 20, 32, 3 / 16),
        ):  # fmt: skip
            assert length_kernels(other, raw, params, F32) is None
        assert length_kernels(LOGISTIC, raw, params[:1], F32) is None
        assert length_kernels(LOGISTIC, raw, None, F32) is None
        assert length_kernels(LOGISTIC, raw, params, torch.float64) is None
        assert length_kernels(LOGISTIC, raw, params.clone().requires_grad_(), F32) is None
        assert length_kernels(LOGISTIC, raw[:0], params[:0], F32) is None


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_kernels_on_the_device() -> None:
    from tests.metered import fused as checks

    checks.main("cuda")
