"""Graphs are torch's graph modules, with code made once."""

import copy
import pickle
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch.fx import GraphModule

from revc.codegen.library import Library
from revc.codegen.lowered import Lowered
from revc.codegen.options import Options
from revc.codegen.tape import Tape, append
from revc.passes.spec import build
from tests.ir.specs import NESTED


def lowered() -> GraphModule:
    return Library().forward(build(NESTED).model, Options())


def doubling() -> Lowered:
    graph = torch.fx.Graph()
    x = graph.placeholder("x")
    graph.output(append(graph, torch.ops.aten.mul.Scalar, (x, 2)))
    return Lowered({}, graph, "Doubling")


def test_no_code_is_made_before_a_graph_runs_or_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []
    recompile = GraphModule.recompile

    def counted(module: GraphModule) -> object:
        made.append(type(module).__name__)
        return recompile(module)

    monkeypatch.setattr(GraphModule, "recompile", counted)
    graph = lowered()
    assert made == []
    assert "Outer" in graph.code
    assert "def forward" in str(graph)
    assert made == ["M"]


def test_a_graph_runs_prints_copies_and_pickles_as_a_graph_module() -> None:
    graph = doubling()
    assert isinstance(graph, GraphModule)
    x = torch.arange(3.0)
    assert torch.equal(graph(x), 2 * x)
    assert torch.equal(copy.deepcopy(doubling())(x), 2 * x)
    assert torch.equal(pickle.loads(pickle.dumps(doubling()))(x), 2 * x)
    assert "mul_scalar" in doubling().print_readable(print_output=False)


def test_threads_that_run_a_graph_first_get_the_same() -> None:
    for _ in range(20):
        graph = doubling()
        with ThreadPoolExecutor(4) as pool:
            results = list(pool.map(graph, [torch.arange(3.0)] * 4))
        assert all(torch.equal(result, 2 * torch.arange(3.0)) for result in results)


def test_a_tape_names_results_as_torch_does() -> None:
    one, other = torch.fx.Graph(), torch.fx.Graph()
    for target in (torch.ops.aten.sum.dim_IntList, torch.ops.aten.add_.Tensor, int):
        x = one.placeholder("x")
        tape = Tape(one, x, x)
        assert tape.call(target, x).name == other.call_function(target).name
