"""Schedules under torch.compile of a whole model: the bits of eager runs, and fewer operations."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from functorch.compile import make_boxed_func
from torch._dynamo.backends.common import aot_autograd
from torch._functorch.partitioners import min_cut_rematerialization_partition
from torch.fx import GraphModule

import revc
from revc.runtime.model import ReversibleModel
from tests.metered import test_programs as metered
from tests.model import specs
from tests.model.laws import gradients, weighted
from tests.model.made import make
from tests.schedule.schedules import MIXED, inputs_of, pulled, same

pytestmark = [
    pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.*should not be instantiated:DeprecationWarning"),
]
TWO = specs.LAYERS.replace("repeat 3", "repeat 2")
NINE = ["keep:out", "save", "invert", "save", "keep:mlp_0.hidden", "invert", "save", "keep", "save"]


class Watching:
    """A backend that runs graphs as they are, and notes what they compute and hand on."""

    def __init__(self) -> None:
        self.graphs: list[GraphModule] = []
        self.backend = aot_autograd(
            fw_compiler=self._compiler,
            bw_compiler=self._compiler,
            partition_fn=min_cut_rematerialization_partition,
        )

    def _compiler(self, graph: GraphModule, _: Any) -> Any:
        self.graphs.append(graph)
        return make_boxed_func(graph)

    def products(self, at: int) -> int:
        """Return the number of products of matrices in a graph: 0 is forward, 1 backward."""
        names = Counter(calls(self.graphs[at]))
        return sum(count for name, count in names.items() if "mm" in name)

    def attentions(self, at: int) -> int:
        """Return the number of attentions in a graph, backward ones left out."""
        named = [name for name in calls(self.graphs[at]) if "attention" in name]
        return sum("backward" not in name for name in named)

    def saved(self) -> int:
        """Return the bytes of the tensors that the forward graph hands on, parameters left out."""
        out = list(self.graphs[0].graph.nodes)[-1].args[0]
        made = {n: n.meta["val"] for n in out if n is not None and n.op != "placeholder"}
        return sum(v.nbytes for v in made.values() if isinstance(v, torch.Tensor))


def calls(graph: GraphModule) -> Iterator[str]:
    """Yield what a graph calls, regions that are compiled once as often as they run."""
    for node in graph.graph.nodes:
        if node.op == "call_function" and "invoke_subgraph" in str(node.target):
            yield from calls(getattr(graph, node.args[0].target))
        elif node.op == "call_function":
            yield str(node.target)


def compiled(model: ReversibleModel, backend: Any = "aot_eager") -> Any:
    torch._dynamo.reset()
    return torch.compile(model, backend=backend, fullgraph=True)


@pytest.mark.parametrize(
    ("source", "schedule"),
    [
        (specs.LAYERS, ["save", "invert", "keep:out"]),
        (specs.LAYERS, ["keep:attended", "keep:attended", "keep:qkv+hidden"]),
        (MIXED, "save"),
        (MIXED, NINE),
    ],
    ids=["turns", "values", "mixed, all", "mixed"],
)
def test_results_and_gradients_have_the_bits_of_an_eager_run(
    source: str, schedule: Any, fresh_dynamo: None
) -> None:
    model = make(source)
    values = inputs_of(model)
    wanted, grads = pulled(model, values)
    model.schedule = schedule
    run = compiled(model)
    found, mine = pulled(run, values)
    assert same([*wanted], [*found])
    assert same(grads, mine)
    refuses_changed_parameters(model, run)


def refuses_changed_parameters(model: ReversibleModel, run: Any) -> None:
    """Change a parameter between the passes: what was kept is not what it would give now."""
    out = run(**inputs_of(model))
    with torch.no_grad():
        next(model.parameters()).mul_(1.5)
    with pytest.raises(RuntimeError):
        sum(value.sum() for value in out).backward()


def test_code_of_inductor_has_the_bits_of_code_that_inverts(fresh_dynamo: None) -> None:
    model = make()
    values = inputs_of(model)
    wanted, grads = pulled(compiled(model, "inductor"), values)
    model.schedule = ["invert", "keep:hidden+attended", "save"]
    found, mine = pulled(compiled(model, "inductor"), values)
    assert same([*wanted], [*found])
    assert same(grads, mine)


def test_nothing_that_is_kept_is_computed_again_and_bytes_are_those_of_kept_bytes(
    fresh_dynamo: None,
) -> None:
    model = make(TWO)
    values = inputs_of(model)
    seen = {}
    for name in ("invert", "save", "keep:mlp_0.out", "keep:qkv", "keep:hidden+attended"):
        model.schedule = name
        watching = Watching()
        pulled(compiled(model, watching.backend), values)
        seen[name] = watching
    # Six products a layer forward, of which qkv, two of the MLP and one behind the attention; each
    # has two products backwards. What is rebuilt runs again.
    assert {name: one.products(0) for name, one in seen.items()} == dict.fromkeys(seen, 8)
    again = {name: one.products(1) - 16 for name, one in seen.items()}
    assert again == {
        "invert": 8, "save": 0, "keep:mlp_0.out": 6, "keep:qkv": 6, "keep:hidden+attended": 6
    }  # fmt: skip
    assert [one.attentions(1) for one in seen.values()] == [2, 0, 2, 2, 0]
    for name, one in seen.items():
        model.schedule = "keep" if name == "save" else name
        kept = sum(segment.total for segment in model.kept_bytes(**values))
        assert one.saved() - seen["invert"].saved() == kept, name


def test_a_schedule_that_changes_between_calls_is_followed(fresh_dynamo: None) -> None:
    model = make(TWO)
    values = inputs_of(model)
    watching = Watching()
    run = torch.compile(model, backend=watching.backend, fullgraph=True)
    wanted, grads = pulled(model, values)
    for schedule, graphs in (("invert", 2), ("save", 4), ("invert", 4), ("save", 4)):
        model.schedule = schedule
        found, mine = pulled(run, values)
        assert same([*wanted], [*found])
        assert same(grads, mine)
        assert len(watching.graphs) == graphs
    refuses_changed_parameters(model, run)


def test_turns_that_differ_follow_the_sizes(fresh_dynamo: None) -> None:
    source = specs.HEAD + (
        "model Net(a: [B, d], given xs: float32[B, T, d]) -> (a: [B, d]) {\n"
        "  repeat T as t share { a += linear(xs[:, t]) }\n}"
    )
    model = make(source)
    a, xs = torch.randn(2, 8, requires_grad=True), torch.randn(2, 3, 8, requires_grad=True)
    wanted = torch.autograd.grad(model(a, xs).a.square().sum(), [a, xs])
    model.schedule = ["save", "invert", "save"]
    found = torch.autograd.grad(compiled(model)(a, xs).a.square().sum(), [a, xs])
    assert all(torch.equal(x, y) for x, y in zip(found, wanted, strict=True))


def test_runs_that_exchange_bits_keep_values_too(fresh_dynamo: None) -> None:
    model, inputs = metered.make(metered.SPECS["in a repeat"].replace("repeat 3", "repeat 2"))
    leaves = [*inputs.values(), *model.parameters()]
    found = []
    for schedule in ("invert", "keep"):
        model.schedule, model.bits.seed = schedule, 3
        out = compiled(model)(**inputs)
        found.append(gradients(weighted(out._asdict()) + out.run.lengths.sum(), leaves))
    assert same(*found)


def test_brought_nets_rebuild(fresh_dynamo: None) -> None:
    model = revc.compile(specs.HOLE, nets={"F": lambda: torch.nn.Linear(8, 8)})
    values = inputs_of(model)
    wanted, grads = pulled(model, values)
    model.schedule = "save"
    found, mine = pulled(compiled(model), values)
    assert same([*wanted], [*found])
    assert same(grads, mine)


def test_nothing_goes_to_the_host(fresh_dynamo: None) -> None:
    model = make()
    model.schedule = ["offload", "invert", "invert"]
    with pytest.raises(Exception, match=r"copies nothing to the host"):  # Dynamo wraps it
        compiled(model, "eager")(**inputs_of(model))
