"""On a CUDA device: the same tapes, growth that does not wait, spilling beside the work."""

import json
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import torch

from revc.runtime.bits import BitStack
from revc.runtime.bits.dist import FloatBits, Logistic, Table, Uniform
from revc.runtime.bits.engine import WINDOW
from revc.runtime.bits.errors import BackendError, LaneError, SymbolError
from revc.runtime.bits.filespill import FileSpill
from revc.runtime.bits.spill import HostSpill, SpillStore
from revc.runtime.bits.warp.launch import LAUNCHES, Launch
from tests.bits import tapes, warps

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")


@pytest.mark.parametrize("kind", ["table", "uniform", "scale", "logistic", "floats"])
def test_tapes_are_those_of_the_cpu(kind: str) -> None:
    def run(device: str) -> str:
        stack = BitStack(3, 32, seed=9, device=device)
        random = torch.Generator().manual_seed(4)
        symbols = torch.randint(0, 40, (3, 3000), generator=random)
        loc, scale = symbols.float() / 3, symbols.float() / 9 + 0.5
        if kind == "scale":
            n, x = (symbols + 1).to(device), (symbols.int() * 77777).to(device)
            stack.unscale(stack.scale(x, n, 5) + 1, n + 3, 4)
            return stack.digest()
        model, data = {
            "table": lambda: (Table(Table.from_counts(torch.arange(40)).freq.to(device)), symbols),
            "uniform": lambda: (Uniform((symbols + 41).to(device)), symbols),
            "logistic": lambda: (Logistic(loc.to(device), scale.to(device)), symbols * 99),
            "floats": lambda: (FloatBits(torch.float32, device=device), loc),
        }[kind]()
        stack.pop(model, data.shape)
        stack.push(data.to(device), model)
        stack.push(data.to(device), model)
        stack.pop(model, data.shape)
        return stack.digest()

    assert run("cuda") == run("cpu")


@pytest.mark.parametrize("kind", tapes.KINDS)
def test_golden_tapes_on_the_device(kind: str) -> None:
    found = {f"{kind}-{size}": tapes.tape(kind, size, "triton", "cuda") for size in tapes.SHAPES}
    if kind in tapes.LONG_KINDS:
        found |= {f"{kind}-{s}": tapes.long_tape(kind, s, "triton", "cuda") for s in tapes.LONG}
    wanted = json.loads(tapes.GOLDEN.read_text())
    assert found == {name: wanted[name] for name in found}


@pytest.mark.parametrize("kind", ["logistic", "gaussian", "mixture", "bounded", "bounded-mixture"])
def test_lengths_are_those_of_the_cpu(kind: str) -> None:
    found = []
    for device in ("cpu", "cuda"):
        with torch.device(device):
            chosen, symbols = tapes.distribution(kind, 3)
            found.append((chosen.exact_length(symbols).cpu(), chosen.shannon(symbols).cpu()))
    for one, other in zip(*found, strict=True):
        assert torch.equal(one, other)


@contextmanager
def no_waiting() -> Iterator[None]:
    """Refuse what waits for the device; that the mode is a prototype it says as a warning."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.cuda.set_sync_debug_mode("error")
    try:
        yield
    finally:
        torch.cuda.set_sync_debug_mode("default")


def test_one_of_everything() -> None:
    def run(device: str) -> str:
        stack = BitStack(1, 1, seed=1, device=device)
        symbols = torch.ones((1, 1), dtype=torch.int64, device=device)
        for model in (Uniform(2, device), Table(torch.tensor([1, 65535], device=device))):
            stack.pop(model, (1, 1))
            stack.push(symbols, model)
        return stack.digest()

    assert run("cuda") == run("cpu")


def test_growth_does_not_wait_for_the_device() -> None:
    stack = BitStack(1, 1024, device="cuda")
    symbols = torch.randint(0, 1 << 16, (1, 1 << 18), device="cuda")
    model = Uniform(1 << 16, "cuda")
    stack.push(symbols, model)
    with no_waiting():
        for _ in range(20):
            stack.push(symbols, model)
    for _ in range(21):
        assert torch.equal(stack.pop(Uniform(1 << 16, "cuda"), symbols.shape).long(), symbols)
    assert bool(stack.untouched().all())


@pytest.mark.parametrize("kind", ["host", "file"])
def test_spilling(kind: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    store: SpillStore = HostSpill(64)
    if kind == "file":
        store = FileSpill(tmp_path_factory.mktemp("spill") / "s", block=64)
    stack, model = BitStack(1, 512, device="cuda"), Uniform(1 << 16, "cuda")
    stack.spill_to(store)
    symbols = torch.randint(0, 1 << 16, (60, 1, 1 << 15), device="cuda")
    stack.push(symbols[0], model)  # tables and kernels are made
    torch.cuda.synchronize()
    for part in symbols[1:]:
        stack.push(part, model)
    assert store.rows >= 64 * len(symbols) - 2 * (WINDOW + 2) * store.block
    for part in symbols.flip(0):
        assert torch.equal(stack.pop(model, part.shape).long(), part)
        assert stack.engine.state.capacity <= 2 * (WINDOW + 2) * store.block
    assert bool(stack.untouched().all())
    store.close()


def test_streaming_waits_for_looks_alone() -> None:
    stack, model = BitStack(1, 512, device="cuda"), Uniform(1 << 16, "cuda")
    stack.spill_to(HostSpill(64))
    symbols = torch.randint(0, 1 << 16, (40, 1, 1 << 15), device="cuda")
    for _ in range(2):  # the second time memory is pinned, and kernels are there
        with no_waiting():
            for part in symbols:
                stack.push(part, model)
            popped = [stack.pop(model, part.shape) for part in symbols]
        assert torch.equal(torch.stack(popped).long(), symbols.flip(0))
    assert bool(stack.untouched().all())


def test_faults_wait_for_verify() -> None:
    stack = BitStack(1, device="cuda")
    stack.push(torch.full((1, 9), 7, device="cuda"), Uniform(5, "cuda"))
    with pytest.raises(SymbolError):
        stack.verify()


def test_devices_do_not_mix() -> None:
    with pytest.raises(LaneError, match="on cuda"):
        BitStack(1, device="cuda").push(torch.zeros(1, 3).int(), Uniform(5))
    with pytest.raises(BackendError, match="CPU tensors"):
        BitStack(1, device="cuda", backend="numba")


@pytest.mark.parametrize(("case", "streams"), [("bytes", 4), ("bf16", 5)])
def test_warp_tapes_are_those_of_the_reference(case: str, streams: int) -> None:
    warps.check(case, streams, "cuda", "triton")


@pytest.mark.parametrize("way", LAUNCHES[:2])
def test_warp_tapes_of_many_streams(way: Launch) -> None:
    warps.check("bf16", 32, "cuda", "triton", way)


def test_warp_tapes_find_symbols_without_a_code() -> None:
    warps.check_faults(4, "cuda", "triton")
