"""Peers of plans train as plain autograd does; what compilers get is counted as it is called."""

import pytest
import torch
from torch import fx
from torch.fx.experimental.proxy_tensor import make_fx

from benchmarks.nets import Size
from benchmarks.partitioner import Graphs
from benchmarks.schedule_models import measured_peers, operations, step
from benchmarks.schedule_peers import peers

TINY = Size(4, batch=1, time=8, width=16)


def test_checkpoints_in_every_grain_train_as_plain_does() -> None:
    found = {name: arm for name, arm in peers(TINY) if name != "revtorch"}
    assert {"checkpoint each net", "checkpoint every 2"} < {*found}
    assert "checkpoint every 4" not in found, "that is no checkpoint but the inputs"
    wanted = found.pop("plain")
    step(wanted)
    for name, arm in found.items():
        step(arm)
        for mine, other in zip(arm.weights, wanted.weights, strict=True):
            torch.testing.assert_close(mine.grad, other.grad, rtol=0, atol=0, msg=name)
    plain = operations(wanted)
    more = {name for name, arm in found.items() if operations(arm) > plain}
    assert more == {*found} - {"selective checkpoint"}


def test_peers_can_be_asked_for_by_name() -> None:
    plain, other = measured_peers(TINY, ["checkpoint"])
    assert (plain.name, plain.work, other.name) == ("plain", 1.0, "checkpoint")
    assert other.work > 1
    assert 0 < other.peak < plain.peak


def product() -> fx.GraphModule:
    """Return a graph of one matrix product, of 2 * 3 * 4 * 5 operations."""
    run = lambda x, w: torch.ops.aten.mm(x, w)  # noqa: E731
    return make_fx(run, tracing_mode="fake")(torch.ones(3, 4), torch.ones(4, 5))


@pytest.mark.parametrize("calls", [1, 3])
def test_nested_graphs_count_as_often_as_they_are_called(calls: int) -> None:
    nested, graph = product(), fx.Graph()
    x, w = graph.placeholder("x"), graph.placeholder("w")
    call = torch.ops.higher_order.invoke_subgraph
    for _ in range(calls):
        graph.call_function(call, (graph.get_attr("nested"), "name", x, w))
    graph.output(())
    root = torch.nn.Module()
    root.nested = nested
    counted = Graphs()
    counted(nested.graph)
    counted(fx.GraphModule(root, graph).graph)
    alone = product()
    counted(alone.graph)
    assert counted.total == 2 * 3 * 4 * 5 * (calls + 1)
