"""The Triton kernels compile for sm_90 without a device or a driver."""

import pytest

triton = pytest.importorskip("triton")

from triton.backends.compiler import GPUTarget  # noqa: E402
from triton.compiler import ASTSource  # noqa: E402

from revc.runtime.bits.cpu.backend import KERNELS as CPU_KERNELS  # noqa: E402
from revc.runtime.bits.gpu import floor  # noqa: E402
from revc.runtime.bits.gpu.backend import KERNELS  # noqa: E402
from revc.runtime.bits.warp import kernels as warp_kernels  # noqa: E402

TYPES = {
    "words": "*i16", "heads": "*i64", "fill": "*i64", "debt": "*i64", "symbols": "*i32",
    "x": "*i32", "y": "*i32", "table": "*i32", "rcp": "*fp64", "find": "*i32",
    "row": "*i32", "n": "*i64", "weight": "*i32", "loc": "*i64", "scale": "*u8",
    "inverse": "*i64", "shift": "*i64", "radius": "*i64", "seed": "i64", "index": "*i64",
    "cdf": "*i32", "coarse": "*i64", "quantile": "*fp64",
}  # fmt: skip


def ptx(function: object, constants: dict[str, object], warps: int = 1, **own: str) -> str:
    types = {**TYPES, **own}
    signature = {
        name: "constexpr" if name in constants else types.get(name, "i32")
        for name in function.arg_names  # type: ignore[attr-defined]
    }
    source = ASTSource(fn=function, signature=signature, constexprs=constants)
    built = triton.compile(
        source,
        target=GPUTarget("cuda", 90, 32),
        options={"num_warps": warps, "enable_fp_fusion": False},
    )
    assert len(built.asm["cubin"]) > 1000
    return str(built.asm["ptx"])


CASES = [(name, 32) for name in sorted(KERNELS)] + [("push_table", 16), ("pop_uniform", 16)]


@pytest.mark.parametrize(("name", "low"), CASES)
def test_kernels_compile(name: str, low: int) -> None:
    function, _, options = KERNELS[name]
    constants = {"LOW": low, "BLOCK": 64, **options}
    constants.pop("FULL", None)
    if constants.pop("WIDTHS", False):
        constants |= {"EXPONENT": 8, "MANTISSA": 7}
    if constants.pop("PARTS", False):
        constants["C"] = 3
    symbols = "*i16" if "floats" in name else "*i32"
    text = ptx(function, constants, symbols=symbols)
    assert ".target sm_90" in text
    assert "fma.rn.f64" not in text, "a fused step rounds once, not twice"


def test_floor_kernel_compiles() -> None:
    assert ".target sm_90" in ptx(floor.floor_words, {"STREAM": 1, "BLOCK": 64})


def test_both_back_ends_have_the_same_kernels() -> None:
    assert set(KERNELS) == set(CPU_KERNELS)


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("name", ["push", "pop"])
def test_warp_kernels_vote(name: str, shared: bool) -> None:
    constants = {"WARPS": 4, "FLOATS": True, "SHARED": shared, "ASM": True}
    constants |= {"AHEAD": 192} if name == "pop" else {"COPIES": 16}
    types = dict.fromkeys(("heads", "tops", "raw", "fault"), "*i32")
    text = ptx(getattr(warp_kernels, name), constants, 4, data="*i16", **types)
    assert text.count("vote.sync.ballot") == 8, "four steps in the loop, four at the end"
    assert ("ld.shared" in text) == shared
    assert "f64" not in text
