"""Lattice state on a device: the kernels' bits are the operators', interpreted and compiled."""

import pytest
import torch

from revc.runtime.state.device import kernels_for
from tests.interpreted import printed


def test_interpreted_kernels_give_the_operators_bits() -> None:
    printed("tests.run.fused_state")


def test_the_kernels_compile() -> None:
    pytest.importorskip("triton")
    from triton import language as tl
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource, compile

    from revc.runtime.state import kernels

    numbers = {"scale": "fp32", "count": "i32", "words": "i32", "rows": "i32", "turns": "i32"}
    pointers = {"raw": "*i32", "state": "*i32", "out": "*bf16", "value": "*bf16", "health": "*i32"}
    types = {**numbers, **pointers, "bottom": "*fp32", "top": "*fp32", "words_at": "*i64"}
    constants = {"BLOCK": 1024, "WIDE": tl.float32, "HALF": True, "SIGN": -1}
    for kernel in (kernels.decoded, kernels.added, kernels.largest, kernels.summed):
        own = {name: constants[name] for name in kernel.arg_names if name in constants}
        sums = {"out": "*i64"} if kernel is kernels.summed else {}
        signature = {n: "constexpr" if n in own else {**types, **sums}[n] for n in kernel.arg_names}
        source = ASTSource(fn=kernel, signature=signature, constexprs=own)
        options = {"num_warps": 4, "enable_fp_fusion": False}
        built = compile(source, target=GPUTarget("cuda", 90, 32), options=options)
        assert ".target sm_90" in built.asm["ptx"]


def test_the_cpu_runs_operators() -> None:
    assert kernels_for(torch.zeros(3)) is None


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_kernels_on_the_device_give_the_operators_bits() -> None:
    from tests.run import fused_state

    fused_state.main("cuda")
