"""Many runs of one module at a time: waiting for one backward pass, or in several threads."""

import gc
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import torch
from torch import Tensor

import revc
from revc.runtime.metered.session import Options, Session, session_of
from revc.runtime.model import ReversibleModel

pytestmark = [
    pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.*should not be instantiated:DeprecationWarning"),
]
SPEC = """
use std.nets: linear
dim B, d = 8
state lattice(Q12.20)
model Net(a, b: [B, d]) -> (a, b: [B, d]) {
  a += linear(b)
  valve a[.., :4] by logistic(linear(b), step = 1/16) as va
}
"""


@pytest.fixture(autouse=True)
def fresh_compiler() -> Iterator[None]:
    torch._dynamo.reset()
    yield
    torch._dynamo.reset()


def net() -> tuple[ReversibleModel, Any, list[Tensor]]:
    torch.manual_seed(0)
    model = revc.compile(SPEC)
    compiled = torch.compile(model, fullgraph=True, backend="aot_eager", dynamic=False)
    return model, compiled, [*torch.randn(2, 4, 8).unbind()]


def session(out: Any) -> Session:
    return session_of(out.run.ticket) if out.run.session is None else out.run.session


def test_any_number_of_runs_may_wait_for_one_backward_pass() -> None:
    model, compiled, (a, b) = net()
    for count in (8, 9, 12, 40):
        found = []
        for run in (model, compiled):
            torch.manual_seed(1)
            model.zero_grad()
            leaves = [b.clone().requires_grad_() for _ in range(count)]
            loss = torch.stack([run(a, leaf).a.square().sum() for leaf in leaves]).sum()
            loss.backward()
            found.append([*(leaf.grad for leaf in leaves), *(p.grad for p in model.parameters())])
        for one, other in zip(*found, strict=True):
            torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("which", [0, 1], ids=["eager", "compiled"])
def test_a_session_lives_as_long_as_who_may_undo_it(which: int) -> None:
    model, compiled, (a, b) = net()
    run = (model, compiled)[which]
    out = run(a, b.clone().requires_grad_())
    watched, loss = weakref.ref(session(out)), out.a.sum()
    del out
    gc.collect()
    assert watched() is not None, "the graph holds it"
    loss.backward(retain_graph=True)
    loss.backward()
    del loss
    gc.collect()
    assert watched() is None


@pytest.mark.parametrize("which", [0, 1], ids=["eager", "compiled"])
def test_runs_without_gradients_leave_nothing(which: int) -> None:
    model, compiled, (a, b) = net()
    run = (model, compiled)[which]
    with torch.no_grad():
        outs = [run(a, b) for _ in range(10)]
        watched = [weakref.ref(session(out)) for out in outs]
        assert len(set(watched)) == 10
        assert all(bool((out.ledger.bits("written") > 0).all()) for out in outs)
        del outs
    gc.collect()
    assert not any(ref() for ref in watched)


def test_compiled_code_that_gives_no_result_on_still_runs_to_its_end() -> None:
    model, _, (a, b) = net()
    model.bits.seed = 0
    views = torch.compile(lambda u, v: model(u, v).a + 0, fullgraph=True, backend="aot_eager")
    with torch.no_grad():
        assert torch.equal(views(a, b), model(a, b).a)


def test_two_modules_in_one_graph_keep_their_bits_apart() -> None:
    model, _, (a, b) = net()
    other = revc.compile(SPEC)

    def both(u: Tensor, v: Tensor) -> Tensor:
        return (model(u, v).a * other(v, u).a).sum()

    found = []
    for run in (both, torch.compile(both, fullgraph=True, backend="aot_eager")):
        torch.manual_seed(1)
        leaf = b.clone().requires_grad_()
        found.append(torch.autograd.grad(run(a, leaf), leaf)[0])
    torch.testing.assert_close(*found, atol=1e-5, rtol=1e-5)


def test_an_observer_sees_the_session_as_it_is_opened() -> None:
    model, _, (a, b) = net()
    seen: list[Session] = []
    out = model.run({"a": a, "b": b}, Options(observer=seen.append))
    assert seen == [out.run.session]
    model(a, b)
    assert len(seen) == 1, "it is of one run"


def together(work: Callable[[int], bool], count: int) -> list[bool]:
    with ThreadPoolExecutor(4) as pool:
        return list(pool.map(work, range(count)))


def test_threads_get_their_own_images_back() -> None:
    torch.manual_seed(0)
    codec = revc.compile("specs/pixels.rev").eval()

    def own(number: int) -> bool:
        generator = torch.Generator().manual_seed(number)
        image = torch.randint(0, 17, (4, 1, 8, 8), generator=generator)
        return torch.equal(codec.decompress(codec.compress(image)), image)

    assert all(together(own, 24))


def test_threads_train_on_one_model() -> None:
    model, _, _ = net()

    def gradient(number: int) -> Tensor:
        a, b = torch.randn(2, 4, 8, generator=torch.Generator().manual_seed(number)).unbind()
        x = b.clone().requires_grad_()
        out = model.run({"a": a, "b": x}, Options(seed=number))
        return torch.autograd.grad(out.a.square().sum(), x)[0]

    alone = [gradient(number) for number in range(24)]
    assert all(together(lambda number: torch.equal(gradient(number), alone[number]), 24))
