"""Artifacts under torch.compile: one graph, and the bits that the compiled model gives."""

from typing import Any

import pytest
import torch

import revc
from revc.errors import BindError, ReconstructionError
from revc.runtime.run.lowering import lower
from tests.artifact.compare import assert_same
from tests.artifact.conftest import Write
from tests.model import specs
from tests.schedule.test_whole import Watching

# The compiler looks at the autograd Function by making one, which torch warns of.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

SOURCE = specs.LAYERS.replace("repeat 3", "repeat 2")
# What tells turns and chunks apart, and no attention, whose tracing takes most of a compile.
SMALL = f"""{specs.HEAD}model Net(a, b: [B, T, d]) -> (a, b: [B, T, d]) {{
  repeat 2 {{
    a += linear(b)
    b += mlp(norm(a), width = 2*d, act = gelu)
  }}
}}
"""


def step(
    model: torch.nn.Module, inputs: list[torch.Tensor], backend: Any = "aot_eager"
) -> list[torch.Tensor]:
    """Return the results and gradients of a step under torch.compile."""
    torch._dynamo.reset()
    own = [value.clone().requires_grad_() for value in inputs]
    # One graph, traced as any backend would get it; kernels of its own would take minutes.
    out = torch.compile(model, fullgraph=True, backend=backend)(*own)
    (out.a.sum() + 2 * out.b.sum()).backward()
    grads = [param.grad for param in model.parameters()] + [value.grad for value in own]
    return [*out, *out.state[0], *grads]


@pytest.mark.parametrize(("source", "chunks"), [(SOURCE, 1), (SMALL, 2)], ids=["1", "2"])
def test_an_artifact_compiles_to_one_graph(write: Write, source: str, chunks: int) -> None:
    torch.manual_seed(0)
    model = revc.compile(source, chunks=chunks)
    loaded = write(source, chunks=chunks).load()
    loaded.load_state_dict(model.state_dict())
    inputs = [torch.randn(2, 4, 8) for _ in range(2)]
    assert_same(step(loaded, inputs), step(model, inputs))


def test_a_changed_parameter_is_noticed_under_compile(write: Write) -> None:
    loaded = write(SMALL).load()
    torch._dynamo.reset()
    inputs = [torch.randn(2, 4, 8) for _ in range(2)]
    out = torch.compile(loaded, fullgraph=True, backend="aot_eager")(*inputs)
    next(loaded.parameters()).data.add_(1.0)
    with pytest.raises(ReconstructionError, match="repeat_0, turn 0"):
        out.a.sum().backward()


@pytest.mark.parametrize(
    ("source", "schedule"),
    [(SMALL, "keep"), (SOURCE, ["invert", "keep:attended+hidden"])],
    ids=["keep", "some"],
)
def test_an_artifact_keeps_under_compile_what_its_schedule_does(
    write: Write, source: str, schedule: str | list[str]
) -> None:
    torch.manual_seed(0)
    model = revc.compile(source)
    loaded = write(source, schedule=schedule).load()
    loaded.load_state_dict(model.state_dict())
    inputs = [torch.randn(2, 4, 8) for _ in range(2)]
    model.schedule, graphs, others = schedule, Watching(), Watching()
    assert_same(step(loaded, inputs, graphs.backend), step(model, inputs, others.backend))
    assert graphs.products(1) == others.products(1)
    assert graphs.saved() == others.saved()


def test_an_artifact_keeps_nothing_else_under_compile(write: Write) -> None:
    loaded = write(SOURCE, schedule="keep:qkv").load()
    assert lower(loaded.code, "keep:qkv", ()) == "_1"
    assert lower(loaded.code, "invert", ()) == ""
    with pytest.raises(BindError, match="what its own schedule keeps, or nothing"):
        lower(loaded.code, "save", ())


def test_where_sizes_tell_turns_apart_an_artifact_has_no_code_that_keeps(write: Write) -> None:
    source = SOURCE.replace("repeat 2", "repeat T share")
    loaded = write(source, schedule=["keep"] * 2 + ["invert"] * 2).load()
    loaded(*(torch.randn(2, 4, 8) for _ in range(2)))
    with pytest.raises(BindError, match="what its own schedule keeps, or nothing"):
        lower(loaded.code, "keep,keep,invert,invert", (4,))
