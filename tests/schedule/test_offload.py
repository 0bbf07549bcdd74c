"""Residuals on the host: the bits of what is saved, and nothing on the device."""

import gc
import weakref
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from revc.runtime.model import ReversibleModel
from revc.runtime.offload import Offloaded
from tests.model import specs
from tests.model.made import make, pair
from tests.schedule.schedules import MIXED, inputs_of, plans_of, pulled, same

FLOAT = specs.LAYERS.replace("lattice(Q12.20)", "float32")


def cases() -> Iterator[tuple[ReversibleModel, dict[str, Tensor]]]:
    for source in (specs.LAYERS, MIXED, FLOAT):
        model = make(source)
        yield model, inputs_of(model)
    tokens, targets = torch.randint(11, (2, 2, 5)).unbind()
    yield make(specs.LANGUAGE), {"tokens": tokens, "targets": targets}


def test_results_and_gradients_are_those_of_what_is_saved() -> None:
    for model, values in cases():
        count = len(plans_of(model, values))
        for kinds in (["offload"], ["offload", "save"], ["invert", "offload", "offload"]):
            wish = (kinds * count)[:count]
            model.schedule = ["save" if kind == "offload" else kind for kind in wish]
            wanted, grads = pulled(model, values)
            model.schedule = wish
            found, mine = pulled(model, values)
            assert same([*found, *mine], [*wanted, *grads])


def test_what_is_saved_goes_to_the_host_and_nothing_stays() -> None:
    for model, values in cases():
        model.schedule = "save"
        saved = model.kept_bytes(**values)
        model.schedule = "offload"
        found = model.kept_bytes(**values)
        assert all(kept.total == 0 for kept in found)
        # A storage that several segments read goes to the host with each.
        assert all(one.host >= kept.total for one, kept in zip(found, saved, strict=True))
        assert sum(kept.total for kept in saved) > 0
        assert all(kept.host == 0 for kept in saved)


def test_emits_may_change_for_the_host_has_its_own() -> None:
    source = specs.HEAD + (
        "model Net(a, b: [B, T, d]) -> (a, b: [B, T, d]) {\n"
        " emit seen = tanh(linear(a))\n b += linear(a)\n}"
    )
    model, (a, b) = make(source), pair()
    wanted = torch.autograd.grad(sum(x.sum() for x in model(a, b)), [a, b])
    model.schedule = "offload"
    out = model(a, b)
    loss = sum(x.sum() for x in out)
    with torch.no_grad():
        out.seen.mul_(2)
    assert same(list(torch.autograd.grad(loss, [a, b])), list(wanted))


def test_the_host_is_free_when_the_graph_is_gone() -> None:
    model, (a, b) = make(specs.LAYERS), pair()
    model.schedule = "offload"
    out = model(a, b)
    held = [weakref.ref(x) for x in gc.get_objects() if type(x) is Offloaded]
    assert len(held) == 3
    loss = out.a.sum()
    loss.backward(retain_graph=True)
    assert all(one() is not None for one in held)
    loss.backward()
    assert all(one() is None for one in held)


# --- what is moved -------------------------------------------------------------------------------


def test_tensors_come_back_as_they_lay() -> None:
    base = torch.randn(6, 8)
    odd = torch.arange(5, dtype=torch.uint8)[1:].view(torch.bool)
    half = torch.randn(4, 2).to(torch.bfloat16)[:, 1]
    one = torch.zeros((), dtype=torch.float64).expand(3, 4)
    kept = (base[1:, ::2], (base.T, odd), 7, None, half, one, torch.empty(0, 3))
    moved = Offloaded(kept, [])
    assert sum(host.nbytes for host in moved.host) == base.nbytes + 5 + 16 + 8
    for _ in range(2):
        first, (second, third), number, none, *rest = moved.fetch().boxed()
        assert (number, none) == (7, None)
        found = [first, second, third, *rest]
        for mine, theirs in zip(found, [kept[0], *kept[1], *kept[4:]], strict=True):
            assert torch.equal(mine, theirs)
            assert (mine.dtype, mine.stride()) == (theirs.dtype, theirs.stride())
            assert mine.storage_offset() == theirs.storage_offset()
        first.zero_()
        assert not second.T[1:, ::2].any(), "they share memory as they did"


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_copies_beside_the_computation_have_the_same_bits() -> None:
    for model, values in cases():
        model = model.cuda()
        there = {n: x.detach().cuda().requires_grad_(x.requires_grad) for n, x in values.items()}
        model.schedule = "save"
        wanted, grads = pulled(model, there)
        model.schedule = "offload"
        for _ in range(3):
            found, mine = pulled(model, there)
            assert same([*found, *mine], [*wanted, *grads])
