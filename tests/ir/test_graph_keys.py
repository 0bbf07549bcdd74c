"""Graphs that run as they are share code exactly where their code is the same."""

from collections.abc import Callable
from functools import partialmethod
from itertools import combinations

import pytest
from torch.fx import GraphModule

from benchmarks.front import long_spec
from revc.codegen.body import Body
from revc.codegen.forward import Forward
from revc.codegen.graphs import CompiledGraphs
from revc.codegen.library import Library
from revc.codegen.options import Needs, Options
from revc.codegen.pull import Pull
from revc.ir.graph_keys import graph_key
from revc.ir.keys import code_key
from revc.ir.program import Block
from revc.passes.spec import build
from tests.ir.specs import NESTED

SPEC = """use std.nets: attention, mlp, norm, linear, conv, gate, parameter
use std.nets: embedding, cross_entropy
dim B, T, H, W, d = 8
state lattice(Q12.20)
model M(a, b: V, p, q: P, given u: label(5)[B, T]) -> (a, b: V, p, q: P) {{
  net Five = embedding(5)
  net Other = embedding(5)
  a += Five(u) + Other(u)
  {}
}}
""".replace("V", "[B, T, d]").replace("P", "[B, 2, H, W]")

STATEMENTS = [
    *(f"a += mlp({w})" for w in ("b, width = 3", "b, width = 5", "b, width = 3, act = silu")),
    *(f"a += mlp(b, width = {w}, act = swiglu)" for w in (3, 5)),
    *(
        f"a[.., :4] += mlp({read}, width = 3)"
        for read in ("b", "b[.., :2]", "b, b", "b, b[.., :2]")
    ),
    *(f"a += attention(b, heads = {h}, kv_heads = 2)" for h in (2, 4)),
    *(f"a += attention(b, heads = 4, {s})" for s in ("kv_heads = 1", "causal = true")),
    *(f"a += attention(b, heads = 4, {s})" for s in ("rotary = true", "window = 3", "window = 2")),
    *(f"p += conv(q, width = {w}, layers = {n})" for w in (4, 6) for n in (1, 2)),
    *(f"p += conv(q, width = 4, {s})" for s in ("kernel = 5", "act = silu")),
    *(f"a += norm(b{s})" for s in ("", ", kind = rms", ", eps = 1", ", eps = 1.0", ", eps = 2")),
    *(f"a += parameter([d], init = {i})" for i in (0, 1)),
    *(f"a += {s}" for s in ("linear(b)", "linear(b, bias = false)", "gate(b)", "linear(b, b)")),
    *(f"emit loss = cross_entropy(a, u, out = 5, {s})" for s in ("chunk = 8", "chunk = 9")),
    *(f"emit loss = cross_entropy(a, u, out = {n})" for n in (5, 6)),
    *(f"emit loss = cross_entropy(a, u, out = 5, tied = {n})" for n in ("Five", "Other")),
]
MODELS = {line: build(SPEC.format(line)).model for line in STATEMENTS}


def codes(block: Block) -> list[str]:
    """Return the code of a block's forward and VJP graph, and of all that they call."""
    wanted = tuple(given.type.numerics.kind != "label" for given in block.givens)
    needs = Needs(wanted, (True,) * len(block.nets))
    library = Library()
    graphs = library.forward(block, Options()), library.vjp(block, needs, Options())
    parts = [part for graph in graphs for part in graph.modules() if isinstance(part, GraphModule)]
    return [part.code for part in parts]


CODES = {line: codes(model) for line, model in MODELS.items()}


def test_keys_are_equal_exactly_where_code_is() -> None:
    pairs = list(combinations(STATEMENTS, 2))
    same = [pair for pair in pairs if CODES[pair[0]] == CODES[pair[1]]]
    keyed = [p for p in pairs if graph_key(MODELS[p[0]]) == graph_key(MODELS[p[1]])]
    assert keyed == same
    assert ("a += mlp(b, width = 3)", "a += mlp(b, width = 5)") in same
    assert len(same) < len(pairs) / 10


def test_equal_keys_for_compilers_are_equal_keys() -> None:
    for one, other in combinations(MODELS.values(), 2):
        assert code_key(one) != code_key(other) or graph_key(one) == graph_key(other)


def test_inner_blocks_count_by_their_graphs() -> None:
    wider = NESTED.replace(
        "Wider(a, b: [B, d]) {\n  a += mlp(b, width = 5)",
        "Wider(a, b: [B, d]) {\n  a += mlp(b, width = 7)",
    )
    one, other = build(NESTED).model, build(wider).model
    assert code_key(one) != code_key(other)
    assert graph_key(one) == graph_key(other)
    assert codes(one) == codes(other)
    halved = build(wider.replace("width = 7", "width = 7, act = silu")).model
    assert graph_key(one) != graph_key(halved)


def _noted(body: Body, found: list[Body], build: Callable[[Body], GraphModule]) -> GraphModule:
    found.append(body)
    return build(body)


@pytest.fixture
def lowered(monkeypatch: pytest.MonkeyPatch) -> list[Body]:
    """Return a list of the bodies that are lowered from now on."""
    found: list[Body] = []
    for kind in (Forward, Pull):
        monkeypatch.setattr(kind, "build", partialmethod(_noted, found, kind.build))
    return found


@pytest.mark.parametrize("blocks", [2, 7])
def test_blocks_that_differ_in_widths_are_lowered_once(blocks: int, lowered: list[Body]) -> None:
    graphs = CompiledGraphs(build(long_spec(blocks, alike=False)))
    assert len(graphs.names) == blocks
    segments = [graphs.segment(name) for name in graphs.names]
    needs = (), (True,) * 4
    assert len({id(one.forward) for one in segments}) == 1
    assert len({id(one.inverse) for one in segments}) == 1
    assert len({id(one.vjp(*needs)) for one in segments}) == 1
    assert len(lowered) == 3


def test_a_compiler_gets_a_graph_for_each_width() -> None:
    graphs = CompiledGraphs(build(long_spec(3, alike=False)))
    found = [graphs._of(name, frozenset(), True, None).forward for name in graphs.names]
    assert len({id(graph) for graph in found}) == 3
