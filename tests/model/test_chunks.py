"""Nets in pieces along batch and sequence: values, gradients and inverse stay what they are."""

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

import revc
from revc.codegen.pieces import cuts_for
from revc.errors import BindError
from revc.ir.instructions import Add
from revc.ir.live_types import typed
from revc.passes.spec import build
from revc.planning.step import fake_step
from revc.runtime.chunks import Chunks, chunks_of
from revc.runtime.model import ReversibleModel
from tests.model import specs
from tests.model.laws import check_laws, gradients, randomize, weighted
from tests.model.made import make
from tests.model.test_laws import BODIES, PAIR

LAW = settings(deadline=None, derandomize=True, max_examples=60, database=None)
COUNTS = st.tuples(st.integers(1, 3), st.integers(1, 4))


def streams(batch: int, time: int) -> dict[str, Tensor]:
    return {name: torch.randn(batch, time, 8) for name in "ab"}


# --- laws ----------------------------------------------------------------------------------------


@LAW
@given(body=st.sampled_from(sorted(BODIES.values())), counts=COUNTS, more=COUNTS)
def test_any_statement_in_any_pieces(
    body: str, counts: tuple[int, int], more: tuple[int, int]
) -> None:
    torch.manual_seed(0)
    model = revc.compile(specs.HEAD + PAIR.format(body), chunks=counts)
    randomize(model)
    # Slices of the bodies need five places; what is left over by pieces is of any size.
    check_laws(model, **streams(counts[0] + more[0] - 1, max(5, counts[1] + more[1])))


@LAW
@given(counts=COUNTS, rest=COUNTS, batch=st.integers(1, 4))
def test_gradients_are_those_of_one_piece(
    counts: tuple[int, int], rest: tuple[int, int], batch: int
) -> None:
    counts = (min(counts[0], batch), counts[1])
    model, values = make(specs.LAYERS), streams(batch, counts[1] + rest[1])
    cut = make(specs.LAYERS, chunks=counts)
    cut.load_state_dict(model.state_dict())
    for value in values.values():
        value.requires_grad_()
    found, wanted = (pulled(one, values) for one in (cut, model))
    for mine, theirs in zip(found, wanted, strict=True):
        torch.testing.assert_close(mine, theirs, atol=2e-5, rtol=2e-5)


def pulled(model: ReversibleModel, values: dict[str, Tensor]) -> list[Tensor]:
    return gradients(weighted(model(**values)._asdict()), [*values.values(), *model.parameters()])


@pytest.mark.parametrize("chunks", [(1, 2), (2, 3)])
def test_a_language_model(chunks: tuple[int, int]) -> None:
    torch.manual_seed(0)
    model = revc.compile(specs.LANGUAGE, chunks=chunks)
    randomize(model)
    tokens, targets = torch.randint(11, (2, 2, 5)).unbind()
    check_laws(model, tokens=tokens, targets=targets)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("chunks", [(1, 2), (2, 3)])
def test_compiled_code_has_the_same_pieces(chunks: tuple[int, int]) -> None:
    torch._dynamo.reset()
    model, values = make(specs.LANGUAGE, chunks=chunks), torch.randint(11, (2, 2, 5)).unbind()
    compiled = torch.compile(model, fullgraph=True, backend="aot_eager")
    mine, eager = compiled(*values), model(*values)
    for one, other in zip(mine.state[0], eager.state[0], strict=True):
        assert torch.equal(one, other)
    leaves = list(model.parameters())
    grads = (torch.autograd.grad(out.loss, leaves) for out in (mine, eager))
    for one, other in zip(*grads, strict=True):
        torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-3)


# --- what is cut ---------------------------------------------------------------------------------

CUT = {
    "a += mlp(b, width = 4)": (4, 8),
    "a += attention(b, heads = 2)": (4, 1),
    "a += mlp(attention(b, heads = 2), width = 4)": (4, 1),
    "a += sigmoid(gate(b)) * linear(norm(b))": (4, 8),
    "a += b * parameter([d], init = 1)": (4, 8),
    "a += parameter([d])": (1, 1),
    "a += b * parameter([T, d])": (4, 1),
    "a[:, 1:] += linear(b[:, 1:])": (4, 1),
    "a[:, :, :4] += linear(b[:, :, 4:])": (4, 8),
    "a[.., :1] += linear(a[.., 1:])": (4, 8),
    "repeat 2 as i { a[:, i] += linear(b[:, i]) }": (4, 1),
    "reshape a to [B, T*d]\nreshape b to [B, T*d]\na += linear(b)\n"
    "reshape a to [B, T, d]\nreshape b to [B, T, d]": (4, 1),
    "reshape a to [B, 4, T*d/4]\nreshape b to [B, 4, T*d/4]\na += b\n"
    "reshape a to [B, T, d]\nreshape b to [B, T, d]": (4, 1),
}


def cuts(source: str, chunks: Chunks, **dims: int) -> list[tuple[int, int]]:
    """Return in how many pieces the increments of a spec's one model run."""
    found = []
    for block in build(source, dims=dims).model.walk():
        for step, types, _ in typed(block):
            if isinstance(step, Add):
                one = cuts_for(step, types[step.target.name], block, chunks)
                found.append((1, 1) if one is None else one.counts)
    return found


@pytest.mark.parametrize("body", CUT)
def test_what_is_cut(body: str) -> None:
    source = specs.HEAD + PAIR.format(body)
    assert cuts(source, Chunks(4, 8), T=16) == [CUT[body]]
    assert cuts(source, Chunks(4), T=16) == [(CUT[body][0], 1)]
    assert cuts(source, Chunks(), T=16) == [(1, 1)]


def test_an_embedding_is_cut_along_both() -> None:
    found = cuts(specs.LANGUAGE, Chunks(4, 8))
    assert found == [(4, 8), (4, 1), (4, 8)]


class Watching(nn.Linear):
    """Notes the shapes of what it is called on."""

    seen: list[tuple[int, ...]]

    def __init__(self) -> None:
        super().__init__(8, 8)
        self.seen = []

    def forward(self, x: Tensor) -> Tensor:
        """Note, and apply."""
        self.seen.append(tuple(x.shape))
        return super().forward(x)


@pytest.mark.parametrize(
    ("declared", "shapes"),
    [
        ("", {(2, 5, 8)}),
        (" separable batch", {(1, 5, 8)}),
        (" separable sequence", {(2, 3, 8), (2, 2, 8)}),
        (" separable batch, sequence", {(1, 3, 8), (1, 2, 8)}),
    ],
)
def test_a_brought_net_is_cut_as_it_is_declared(declared: str, shapes: set[Any]) -> None:
    source = specs.HOLE.replace("-> [B, T, d]\n    a += F", f"-> [B, T, d]{declared}\n    a += F")
    nets = [Watching() for _ in range(2)]
    model = revc.compile(source, nets={"F": nets}, chunks=(2, 2), capture="never")
    values = streams(2, 5)
    out = model(**values)
    weighted(out._asdict()).backward()
    assert {shape for net in nets for shape in net.seen} == shapes
    for value, back in zip(values.values(), model.inverse(out), strict=True):
        torch.testing.assert_close(back, value, atol=1e-6, rtol=0)


# --- what they are for, and what is refused ------------------------------------------------------


def test_one_example_takes_less_memory_in_pieces_of_its_sequence() -> None:
    source = specs.HEAD + PAIR.format("repeat 2 { a += mlp(norm(b), width = 64)\n swap a, b }")
    peaks = []
    for chunks in ((1, 1), (1, 2), (1, 4), (1, 8)):
        model = make(source, chunks=chunks)
        peaks.append(fake_step(model, streams(1, 256), "invert").peak)
    assert peaks == sorted(peaks, reverse=True)
    assert peaks[-1] < 0.4 * peaks[0]


def test_empty_pieces_are_refused() -> None:
    model = make(specs.LAYERS, chunks=(2, 6))
    with pytest.raises(BindError, match=r"6 chunks of T along the sequence: .*, where T = 5"):
        model(**streams(2, 5))
    model(**streams(2, 6))
    with pytest.raises(BindError, match="2 chunks of a batch of 1"):
        model(**streams(1, 6))


def test_an_axis_that_is_known_to_be_too_short_stays_whole() -> None:
    source = specs.HEAD.replace("dim B, T, d = 8", "dim B, T = 3, d = 8")
    source += PAIR.format("a += mlp(b, width = 4)")
    assert cuts(source, Chunks(2, 4)) == [(2, 1)]
    make(source, chunks=(2, 4))(**streams(2, 3))


@pytest.mark.parametrize("wish", [0, (2, 0), -1, 1.5, "4", True, (1, 2, 3), (), None])
def test_what_are_no_chunks(wish: Any) -> None:
    with pytest.raises(BindError, match="chunks = "):
        revc.compile(specs.LAYERS, chunks=wish)


def test_one_number_is_along_the_batch() -> None:
    assert chunks_of(4) == chunks_of((4, 1)) == chunks_of([4]) == Chunks(4, 1)
    assert [str(Chunks(4)), str(Chunks(4, 2)), str(Chunks(1, 8))] == ["4", "4x2", "1x8"]
