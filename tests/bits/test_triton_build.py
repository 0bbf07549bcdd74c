"""The Triton kernels compile for sm_90 as a launch would have it, without device or driver."""

import pytest
import torch

triton = pytest.importorskip("triton")

from triton.backends.compiler import GPUTarget  # noqa: E402
from triton.compiler import ASTSource  # noqa: E402
from triton.compiler.compiler import make_backend  # noqa: E402
from triton.runtime.jit import MockTensor, create_function_from_signature  # noqa: E402

from revc.runtime.bits.cpu.backend import KERNELS as CPU_KERNELS  # noqa: E402
from revc.runtime.bits.gpu import floor, grid, length, size  # noqa: E402
from revc.runtime.bits.gpu.backend import KERNELS  # noqa: E402
from revc.runtime.bits.warp import kernels as warp_kernels  # noqa: E402

TARGET = GPUTarget("cuda", 90, 32)
DTYPES = {
    "words": torch.int16, "heads": torch.int64, "fill": torch.int64, "debt": torch.int64,
    "seed": torch.int64,
    "symbols": torch.int32, "x": torch.int32, "y": torch.int32, "table": torch.int32,
    "rcp": torch.float64, "find": torch.int32, "row": torch.int32, "n": torch.int64,
    "weight": torch.int32, "loc": torch.int64, "scale": torch.uint8, "cdf": torch.int32,
    "inverse": torch.int64, "shift": torch.int64, "radius": torch.int64, "index": torch.int64,
    "coarse": torch.int64, "quantile": torch.float64, "rates": torch.float32,
    "curve": torch.float32,
}  # fmt: skip
"""Of the tensors that kernels take; what is none of these is an integer."""


def launched(function: object, constants: dict[str, object], integer: int, **own: torch.dtype):  # type: ignore[no-untyped-def]
    """What Triton makes of a launch in which every integer is `integer`: types and constants."""
    dtypes = {**DTYPES, **own}
    names = [name for name in function.arg_names if name not in constants]  # type: ignore[attr-defined]
    given = [MockTensor(dtypes[name]) if name in dtypes else integer for name in names]
    bind = create_function_from_signature(
        function.signature, function.params, make_backend(TARGET)  # type: ignore[attr-defined]
    )  # fmt: skip
    bound, specialised, _ = bind(*given, **constants)
    types = {name: kind for name, (kind, _) in zip(bound, specialised, strict=True)}
    return types, {name: bound[name] for name, kind in types.items() if kind == "constexpr"}


def ptx(
    function: object, types: dict[str, str], constants: dict[str, object], warps: int = 1
) -> str:
    source = ASTSource(fn=function, signature=types, constexprs=constants)
    options = {"num_warps": warps, "enable_fp_fusion": False}
    built = triton.compile(source, target=TARGET, options=options)
    assert len(built.asm["cubin"]) > 1000
    return str(built.asm["ptx"])


CASES = [(name, 32, 1) for name in sorted(KERNELS)]
CASES += [("push_table", 16, 1 << 40), ("pop_uniform", 16, 1 << 40)]


@pytest.mark.parametrize(("name", "low", "integer"), CASES)
def test_kernels_compile(name: str, low: int, integer: int) -> None:
    function, _, options = KERNELS[name]
    constants = {"LOW": low, "BLOCK": 64, **options}
    constants.pop("FULL", None)
    if constants.pop("WIDTHS", False):
        constants |= {"EXPONENT": 8, "MANTISSA": 7}
    if constants.pop("PARTS", False):
        constants["C"] = 3
    symbols = torch.int16 if "floats" in name else torch.int32
    types, found = launched(function, constants, integer, symbols=symbols)
    assert found == constants, "an integer of 1 is an integer, not a constant without a dtype"
    text = ptx(function, types, constants)
    assert ".target sm_90" in text
    assert "fma.rn.f64" not in text, "a fused step rounds once, not twice"


def test_floor_kernel_compiles() -> None:
    types, constants = launched(floor.floor_words, {"STREAM": 1, "BLOCK": 64}, 1)
    assert ".target sm_90" in ptx(floor.floor_words, types, constants)


@pytest.mark.parametrize("name", sorted(KERNELS))
def test_a_kernel_is_compiled_once_for_all_integers_of_a_width(name: str) -> None:
    function = KERNELS[name][0]
    constants = {p.name: 1 for p in function.params if p.is_constexpr}
    types = [launched(function, constants, integer)[0] for integer in (0, 1, 7, 16, 1 << 20)]
    assert all(kinds == types[0] for kinds in types)


def test_both_back_ends_have_the_same_kernels() -> None:
    assert set(KERNELS) == set(CPU_KERNELS)


def compiled(
    function: object, constants: dict[str, object], warps: int = 1, **own: torch.dtype
) -> str:
    types, found = launched(function, constants, 1, **own)
    assert found == constants
    return ptx(function, types, constants, warps)


def test_kernels_of_sizes_and_the_grid_compile() -> None:
    own = {"table": torch.int64, "out": torch.int64}
    assert ".target sm_90" in compiled(size.sizes, {"BLOCK": 64}, **own)
    floats = {"loc": torch.float32, "scale": torch.float32, "steps": torch.float64}
    outs = {"out_loc": torch.int64, "out_scale": torch.uint8, "flags": torch.uint8}
    own = {**floats, **outs, "halves": torch.int64}
    text = compiled(grid.snap, {"BLOCK": 256}, 4, **own)
    assert "div.rn.f64" in text, "a quotient is rounded once"
    assert "fma.rn.f64" not in text, "a fused step rounds once, not twice"
    own = {"table": torch.int64, "out": torch.int64}
    for bounded in (False, True):
        shape = {"BOUNDED": bounded, "C": 3, "BLOCK": 128}
        assert ".target sm_90" in compiled(length.lengths, shape, 4, **own)
    own = {"values": torch.int64, "out": torch.int64}
    assert ".target sm_90" in compiled(length.totals, {"BLOCK": 1024}, 4, **own)
    own = {"out": torch.int32, "flag": torch.uint8}
    assert ".target sm_90" in compiled(grid.keep, {"C": 3, "BLOCK": 256}, 4, **own)


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("name", ["push", "pop"])
def test_warp_kernels_vote(name: str, shared: bool) -> None:
    constants = {"WARPS": 4, "FLOATS": True, "SHARED": shared, "ASM": True, "CHAINS": 2}
    constants |= {"COPIES": 16} if name == "push" else {"AHEAD": True}
    own = dict.fromkeys(("heads", "tops", "raw", "fault"), torch.int32)
    text = compiled(getattr(warp_kernels, name), constants, 4, data=torch.int16, **own)
    assert text.count("vote.sync.ballot") == 16, "four steps in the loop, four at the end, twice"
    assert ("ld.shared" in text) == shared
    assert "f64" not in text
