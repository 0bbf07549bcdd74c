"""Captured modules under torch.compile: one graph, the eager gradients, and loud where not."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from revc.errors import BindError, ReconstructionError
from revc.planning.meter import trace as traced
from revc.runtime.model import ReversibleModel
from revc.runtime.nets import brought
from revc.runtime.nets.capture.compiled import like, region_of
from revc.runtime.nets.capture.regions import Regions, paired
from revc.runtime.nets.capture.trace import Sample, trace
from revc.runtime.nets.leaf import Leaf
from tests.capture.test_graphs import wanting
from tests.capture.zoo import CAPTURED
from tests.model import specs
from tests.model.made import close, make, pair

pytestmark = [
    pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.*should not be instantiated:DeprecationWarning"),
]


@pytest.mark.parametrize("name", CAPTURED)
def test_regions_are_the_module_and_autograd_and_give_memory_of_their_own(name: str) -> None:
    torch.manual_seed(0)
    make_net, inputs_of = CAPTURED[name]
    net, inputs = make_net(), wanting(inputs_of())
    params = [*net.parameters()]
    joint = trace(net, Sample(params, inputs, None))
    if joint.random:
        return  # test_compiled_random.py has these
    leaves = [x for x in (*params, *inputs) if x.requires_grad]
    found = paired(
        joint, [x.requires_grad for x in (*params, *inputs)], [None] * len(inputs), Regions()
    )
    given = [*params, *(place.rows(net)[place.name] for place in found.others), *inputs]
    out, *kept = found.front(*given)
    wanted = net(*inputs)
    wanted = wanted[0] if isinstance(wanted, tuple) else wanted
    torch.testing.assert_close(out, wanted)
    apart(given, [out, *kept])
    if found.back is None:
        assert not any(found.gives)
        return
    assert found.cotangent is not None
    cotangent = like(torch.randn(wanted.shape), found.cotangent)
    taken = [given[index].detach() for index in found.direct]
    grads = [*found.back(*taken, *kept, cotangent)]
    apart([*taken, *kept, cotangent], grads)
    by_autograd = torch.autograd.grad(wanted, leaves, cotangent, allow_unused=True)
    flags = [
        gives for gives, x in zip(found.gives, (*params, *inputs), strict=True) if x.requires_grad
    ]
    assert len(grads) == sum(flags)
    for gives, want in zip(flags, by_autograd, strict=True):
        assert gives or want is None or not want.any()
        if gives and want is not None:
            torch.testing.assert_close(grads.pop(0), want, atol=1e-5, rtol=1e-5)


def apart(given: list[Tensor], made: list[Tensor]) -> None:
    """Check that nothing that was made lies in memory of anything else."""
    keys = [x.untyped_storage()._cdata for x in made]
    assert len({*keys}) == len(keys)
    assert {*keys}.isdisjoint(x.untyped_storage()._cdata for x in given)


class Block(nn.Module):
    """Parameters in submodules, a buffer, a number that its code asks for, and dropout."""

    def __init__(self) -> None:
        super().__init__()
        self.norm, self.up, self.down = nn.LayerNorm(8), nn.Linear(8, 32), nn.Linear(32, 8)
        self.drop, self.rate = nn.Dropout(0.5), 0.5
        self.register_buffer("mask", torch.ones(8))

    def forward(self, x: Tensor) -> Tensor:
        h = self.up(self.norm(x) * self.mask)
        return self.rate * self.drop(self.down(torch.nn.functional.gelu(h)))


class Turns(nn.Module):
    """Numbers decide what it computes, which no graph says."""

    def forward(self, x: Tensor) -> Tensor:
        return x if x.sum() > 0 else -x


def leaf_of(model: ReversibleModel) -> Leaf:
    """Return the first net of a model as a compiler finds it; what it says is raised as it is."""
    net = model.nets.get_submodule("repeat_0.0.F")
    return Leaf(net, tuple(net.parameters()), "repeat_0.0.F", None, code=model.code)


def pulled(call: Any, model: nn.Module, inputs: Sequence[Tensor] = ()) -> list[Tensor]:
    a, b = inputs or pair()
    leaves = [a, b, *(p for p in model.parameters() if p.requires_grad)]
    out = call(a, b)
    return [*torch.autograd.grad(out.a.square().sum() + out.b.sum(), leaves)]


# Streams that a step holds at most: two results, their two raw states, the two states that are
# taken back and their cotangents; of the net its norm, both ends of its gelu (four each), its
# output, and the state that this is taken from.
HELD = 2 + 2 + 2 + 2 + 1 + 2 * 4 + 1 + 1
OLDER = {"2.11": 24.6, "2.12": 20.3}
"""What Inductor of older releases holds, which fuses less."""


def test_code_of_inductor_rebuilds_what_it_ran_and_holds_no_more_than_is_read(
    fresh_dynamo: None,
) -> None:
    model = make(specs.HOLE, nets={"F": Block}).eval()
    compiled = torch.compile(model, fullgraph=True, dynamic=False)
    inputs = [torch.randn(3, 512, 8, requires_grad=True) for _ in range(2)]
    close(pulled(compiled, model, inputs), pulled(model, model, inputs))
    seen: list[Tensor] = []
    peak = traced(lambda: seen.extend(pulled(compiled, model, inputs)), lambda: seen).peak
    held = OLDER.get(torch.__version__[:4], HELD)
    assert peak / (inputs[0].numel() * 4) == pytest.approx(held, abs=0.5)


def test_what_a_module_is_asked_for_is_followed(fresh_dynamo: None) -> None:
    """Its numbers, its tensors, its flags: as in eager mode, each change is seen."""
    model = make(specs.HOLE, nets={"F": Block})
    compiled = torch.compile(model, fullgraph=True, dynamic=False, backend="eager")
    model.eval()
    blocks = [part for part in model.modules() if isinstance(part, Block)]
    seen = [pulled(compiled, model)]
    blocks[0].rate = 0.25
    seen.append(pulled(compiled, model))
    blocks[0].mask = torch.full((8,), 0.5)
    seen.append(pulled(compiled, model))
    close(seen[-1], pulled(model, model))
    assert all((one[0] - other[0]).abs().max() > 0.1 for one, other in pairwise(seen))
    blocks[0].up.requires_grad_(False)
    close(pulled(compiled, model), pulled(model, model))
    out = compiled(*pair())
    blocks[1].mask.add_(1)
    with pytest.raises(ReconstructionError):
        out.a.sum().backward()


def test_a_module_that_must_be_captured_is() -> None:
    model = make(specs.HOLE, nets={"F": Turns}, capture="require")
    with pytest.raises(BindError, match="not captured, as the model requires: its numbers decide"):
        region_of(leaf_of(model), (True,), pair()[:1])
    model.capture = "auto"
    assert region_of(leaf_of(model), (True,), pair()[:1]) == ""


class Joined(nn.Module):
    """A map of two inputs."""

    def __init__(self) -> None:
        super().__init__()
        self.affine = nn.Linear(8, 8)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return self.affine(torch.cat([x, y], -1)[..., :8])


@pytest.mark.parametrize(
    ("call", "within"),
    [("b, g", 1), ("b, c", 2), ("b, b", 0), ("2 * b, b", 1), ("b[.., :4], b[.., 4:]", 0)],
)
def test_whole_registers_are_decoded_within_regions(call: str, within: int) -> None:
    """Others are not: a region may not take two tensors that lie in one memory."""
    width = 4 if ":4" in call else 8
    model = make(
        f"""dim B, T
state lattice(Q12.20)
model M(a, b, c: [B, T, 8], given g: float32[B, T, 8]) -> (a, b, c: [B, T, 8]) {{
  net F(x, y: [B, T, {width}]) -> [B, T, 8]
  a += F({call})
}}
""",
        nets={"F": Joined},
    )
    inputs = [*pair(), pair()[0], pair(False)[1]]
    leaves = [*inputs[:3], *model.parameters()]
    compiled = torch.compile(model, fullgraph=True, dynamic=False, backend="eager")

    def grads(run: Any) -> list[Tensor]:
        out = run(*inputs)
        return [*torch.autograd.grad(sum(x.square().sum() for x in (out.a, out.b, out.c)), leaves)]

    close(grads(compiled), grads(model))
    parts = [part for part in model.graphs.traced_forward.modules() if hasattr(part, "graph")]
    targets = [node.target for part in parts for node in part.graph.nodes]
    assert targets.count(brought.coded) == within
