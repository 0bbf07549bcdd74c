"""Torch's flags that choose kernels: a way back has those of its forward pass, and leaves none."""

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

import revc
from revc.errors import ReconstructionError
from revc.runtime.bits.errors import TapeMismatchError
from revc.runtime.flags import chosen, differences, flags, precision
from tests.model import specs

DEVICES = [torch.device("cpu"), torch.device("cuda")]


@contextmanager
def precise(setting: Callable[[], None]) -> Iterator[None]:
    try:
        setting()
        yield
    finally:
        torch.set_float32_matmul_precision("highest")
        torch.backends.cuda.matmul.fp32_precision = "ieee"
        torch.backends.mkldnn.matmul.fp32_precision = "ieee"


@contextmanager
def deterministic() -> Iterator[None]:
    torch.use_deterministic_algorithms(True, warn_only=True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(False)


@contextmanager
def without_mkldnn() -> Iterator[None]:
    torch._C._set_mkldnn_enabled(False)
    try:
        yield
    finally:
        torch._C._set_mkldnn_enabled(True)


def parted() -> None:
    torch.backends.cuda.matmul.fp32_precision = "tf32"
    torch.backends.mkldnn.matmul.fp32_precision = "bf16"


SETTINGS: dict[str, Callable[[], AbstractContextManager[Any]]] = {
    "attention": lambda: sdpa_kernel(SDPBackend.MATH),
    "priority": lambda: sdpa_kernel(
        [SDPBackend.MATH, SDPBackend.EFFICIENT_ATTENTION], set_priority=True
    ),
    "precision": lambda: precise(lambda: torch.set_float32_matmul_precision("high")),
    "precision by places": lambda: precise(parted),
    "deterministic": deterministic,
    "cudnn": lambda: torch.backends.cudnn.flags(enabled=False, deterministic=True),
    "mkldnn": without_mkldnn,
}


CONVOLUTION = """
use std.nets: conv
dim B
state lattice(Q12.20)
model M(a, b: [B, 8, 9, 9]) -> (a, b: [B, 8, 9, 9]) { a += conv(b, width = 16) }
"""


class Noting(nn.Module):
    """A net that notes under which flags it runs."""

    def __init__(self, seen: list[Any]) -> None:
        super().__init__()
        self.inner = nn.Linear(8, 8)
        self.seen = seen

    def forward(self, x: Tensor) -> Tensor:
        self.seen.append(state())
        return self.inner(x)


def state() -> list[Any]:
    return [flags(device) for device in DEVICES]


def words() -> list[str]:
    """Return what can be seen from outside, through torch's own interface."""
    places = (torch.backends.cuda.matmul, torch.backends.cudnn.conv, torch.backends.mkldnn.matmul)
    return [place.fp32_precision for place in places]


def noting() -> tuple[Any, list[Any], list[Tensor]]:
    torch.manual_seed(0)
    seen: list[Any] = []
    model = revc.compile(specs.HOLE, nets={"F": lambda: Noting(seen)}, capture="never")
    return model, seen, [torch.randn(2, 3, 8, requires_grad=True) for _ in range(2)]


@pytest.mark.parametrize("then", SETTINGS)
@pytest.mark.parametrize("now", [None, "attention", "precision"])
def test_a_way_back_has_the_flags_of_its_forward_pass(then: str, now: str | None) -> None:
    model, seen, inputs = noting()
    with SETTINGS[then]():
        wanted, out = flags(torch.device("cpu")), model(*inputs)
        forward, seen[:] = list(seen), []
    around = nullcontext() if now is None else SETTINGS[now]()
    with around:
        before, texts = state(), words()
        torch.autograd.grad(out.a.sum() + out.b.sum(), inputs)
        model.inverse(out)
        assert state() == before
        assert words() == texts
    assert len(seen) == 3 * len(forward) == 12  # back, forth again, and back
    assert all(found[0] == wanted for found in (*forward, *seen))


def test_flags_of_a_device_are_restored_on_it() -> None:
    for device in DEVICES:
        for name, setting in SETTINGS.items():
            with setting():
                wanted = flags(device)
            before, texts = flags(device), words()
            with chosen(wanted):
                assert flags(device) == wanted, name
            assert (flags(device), words()) == (before, texts), name


def test_a_convolution_is_rebuilt_by_the_kernel_that_it_had() -> None:
    torch.manual_seed(0)
    model = revc.compile(CONVOLUTION)
    a, b = (torch.randn(4, 8, 9, 9, requires_grad=True) for _ in range(2))
    out = model(a, b)
    with without_mkldnn():
        torch.autograd.grad(out.a.sum(), [a, b])
        model.inverse(out)


@pytest.mark.parametrize("body", ["a += linear(b)", "a += attention(b, heads = 2)"])
def test_a_backward_pass_under_autocast_is_that_without(body: str) -> None:
    torch.manual_seed(0)
    spec = f"model Net(a, b: [B, T, d]) -> (a, b: [B, T, d]) {{ {body}\nb += mlp(a, width = 8) }}"
    model = revc.compile(specs.HEAD + spec)
    a, b = (torch.randn(2, 3, 8, requires_grad=True) for _ in range(2))
    leaves = [a, b, *model.parameters()]

    def gradients(cast: bool) -> list[Tensor]:
        out = model(a, b)
        with torch.autocast("cpu", torch.bfloat16, enabled=cast):
            return list(torch.autograd.grad([out.a, out.b], leaves, [torch.ones_like(a)] * 2))

    pairs = zip(gradients(True), gradients(False), strict=True)
    assert all(torch.equal(one, other) for one, other in pairs)


def test_cudnn_does_not_measure_while_nets_run() -> None:
    model, seen, inputs = noting()
    found = []
    hook = nn.modules.module.register_module_forward_pre_hook(
        lambda *_: found.append(torch.backends.cudnn.benchmark)
    )
    torch.backends.cudnn.benchmark = True
    try:
        out = model(*inputs)
        assert torch.backends.cudnn.benchmark
        torch.autograd.grad(out.a.sum(), inputs)
        assert torch.backends.cudnn.benchmark
    finally:
        hook.remove()
        torch.backends.cudnn.benchmark = False
    inside = [found[i] for i in range(len(found)) if i]  # the first call is the model's own
    assert seen
    assert not any(inside[-2 * len(seen) :])


def test_a_run_that_is_interrupted_before_it_is_under_way_ends_with_its_holder() -> None:
    torch.backends.cudnn.benchmark = True
    try:
        holder = chosen(None)
        holder.__enter__()
        assert not torch.backends.cudnn.benchmark
        del holder
        assert torch.backends.cudnn.benchmark
    finally:
        torch.backends.cudnn.benchmark = False


def test_cudnn_measures_again_as_the_last_thread_ends() -> None:
    inside, leave = threading.Event(), threading.Event()

    def run() -> None:
        with chosen(None):
            inside.set()
            leave.wait(10)

    torch.backends.cudnn.benchmark = True
    try:
        with chosen(None):
            thread = threading.Thread(target=run)
            thread.start()
            assert inside.wait(10)
            assert not torch.backends.cudnn.benchmark
        assert not torch.backends.cudnn.benchmark, "another thread's nets run"
        leave.set()
        thread.join()
        assert torch.backends.cudnn.benchmark
    finally:
        torch.backends.cudnn.benchmark = False


def test_what_differs_is_named() -> None:
    for device in DEVICES:
        before = flags(device)
        with sdpa_kernel(SDPBackend.MATH), deterministic():
            text = differences(before, flags(device))
        assert "flash_sdp (True, here False)" in text
        assert "deterministic algorithms" in text
        assert not differences(before, flags(device))


def test_precision_in_words() -> None:
    with precise(lambda: torch.set_float32_matmul_precision("high")):
        assert precision(torch.device("cuda")) == "matmul tf32, conv tf32, rnn tf32"
    assert precision(torch.device("cuda")) == "matmul ieee, conv tf32, rnn tf32"
    assert precision(torch.device("cpu")) == "matmul ieee, conv ieee, rnn ieee"


def test_bytes_of_another_precision_say_so() -> None:
    torch.manual_seed(0)
    model = revc.compile(
        "use std.nets: parameter\ndim B\nstate float32\n"
        "model M(x: [B, 8]) { put x by gaussian(parameter([16]), step = 1/16) as p }"
    )
    x = torch.randn(3, 8)
    data = model.compress(x)
    with (
        precise(lambda: torch.set_float32_matmul_precision("high")),
        pytest.raises(TapeMismatchError, match="precision of float32"),
    ):
        model.decompress(data)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # Dynamo looks at the Function class
def test_compiled_code_takes_flags_as_they_are_and_says_what_changed() -> None:
    torch.manual_seed(0)
    model = torch.compile(revc.compile(CONVOLUTION), dynamic=False, backend="aot_eager")
    a, b = (torch.randn(4, 8, 9, 9, requires_grad=True) for _ in range(2))
    torch.autograd.grad(model(a, b).a.sum(), [a, b])
    out = model(a, b)
    with (
        without_mkldnn(),
        pytest.raises(ReconstructionError, match=r"mkldnn\.enabled \(True, here False\)"),
    ):
        torch.autograd.grad(out.a.sum(), [a, b])
