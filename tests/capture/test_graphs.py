"""The graphs of captured modules: the module's results, autograd's gradients, one set of bits."""

import pytest
import torch
from torch import Tensor, nn

from revc.runtime.nets.capture import calls
from revc.runtime.nets.capture.cache import capture, others_of
from revc.runtime.nets.capture.graphs import Captured
from revc.runtime.nets.capture.refusal import Refusal
from revc.runtime.nets.capture.trace import Sample
from revc.runtime.nets.leaf import Leaf
from tests.capture.zoo import CALLED, CAPTURED, Statistics


def wanting(inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return tuple(x.requires_grad_() if x.is_floating_point() else x for x in inputs)


def captured(net: nn.Module, inputs: tuple[Tensor, ...]) -> Captured | Refusal:
    return capture(net, Sample(tuple(net.parameters()), inputs, None))


def leaf_of(net: nn.Module) -> Leaf:
    return Leaf(net, tuple(net.parameters()), "F", None)


def drawn(name: str) -> tuple[nn.Module, tuple[Tensor, ...], Captured]:
    torch.manual_seed(0)
    make, inputs_of = CAPTURED[name]
    net, inputs = make(), wanting(inputs_of())
    graphs = captured(net, inputs)
    assert isinstance(graphs, Captured), graphs
    return net, inputs, graphs


@pytest.mark.parametrize("name", CAPTURED)
def test_graphs_are_the_module_and_autograd(name: str) -> None:
    net, inputs, graphs = drawn(name)
    leaf = leaf_of(net)
    value = calls.value(leaf, graphs, inputs)
    out, handle = calls.run(leaf, graphs, inputs)
    assert torch.equal(value, out)
    wanted = net(*inputs)
    wanted = wanted[0] if isinstance(wanted, tuple) else wanted
    torch.testing.assert_close(value, wanted)
    floats = [x for x in inputs if x.requires_grad]
    leaves = [*(p for p in leaf.params if p.requires_grad), *floats]
    if not leaves:
        assert graphs.back is None
        return
    cotangent = torch.randn(wanted.shape)
    grads = torch.autograd.grad(wanted, leaves, cotangent, allow_unused=True)
    by_params, *by_inputs = calls.pull(leaf, handle, cotangent)
    found = [
        *(g for g, p in zip(by_params, leaf.params, strict=True) if p.requires_grad),
        *(g for g, x in zip(by_inputs, inputs, strict=True) if x.requires_grad),
    ]
    for one, other in zip(found, grads, strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("name", CAPTURED)
def test_graphs_change_nothing_that_they_are_given_and_keep_nothing(name: str) -> None:
    net, inputs, graphs = drawn(name)
    leaf = leaf_of(net)
    out, handle = calls.run(leaf, graphs, inputs)
    cotangent = torch.randn_like(out)
    given = (*leaf.params, *others_of(net, graphs), *inputs, cotangent)
    before = [x.detach().clone() for x in given]
    calls.value(leaf, graphs, inputs)
    calls.run(leaf, graphs, inputs)
    if graphs.back is not None:
        with torch.no_grad():
            graphs.back.forward(handle.residuals, cotangent)
        assert not handle.residuals
    assert all(torch.equal(x, y) for x, y in zip(given, before, strict=True))


@pytest.mark.parametrize("name", CALLED)
def test_what_a_graph_would_not_do_is_called(name: str) -> None:
    make, inputs_of, why = CALLED[name]
    net, inputs = make(), wanting(inputs_of())
    before = {key: value.clone() for key, value in net.state_dict().items()}
    found = captured(net, inputs)
    assert isinstance(found, Refusal)
    assert why in str(found)
    after = net.state_dict()
    assert all(torch.equal(value, after[key]) for key, value in before.items())
    assert not getattr(net, "seen", ())
    assert isinstance(net, Statistics) or not getattr(net, "calls", 0)
