"""VJPs of code lengths and draws against autograd, and the same under compilers."""

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from revc.runtime.metered.lengths import code_length, sequence_length, unpack, unpack_vjp
from revc.runtime.metered.lengths_vjp import (
    code_length_vjp,
    reparameterise_vjp,
    sequence_length_vjp,
)
from tests.metered.lengths_cases import DTYPES, F64, LATTICE, SINGLE, case, close

# torch's own warnings about itself, while it compiles.
pytestmark = [
    pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.*should not be instantiated:DeprecationWarning"),
]


@pytest.mark.parametrize("family", LATTICE)
def test_unpacking_has_its_vjp(family: str) -> None:
    params = case(family, (4, 3))[1].requires_grad_()
    parts = [t for t in unpack(family, params, 0.5, 3) if t is not None]
    grads = [torch.randn(2, *t.shape, dtype=F64) for t in parts]
    (want,) = torch.autograd.grad(parts, params, [g.sum(0) for g in grads])
    given = grads if len(grads) == 3 else [None, *grads]
    close(unpack_vjp(family, params.detach(), 0.5, 3, *given), want)  # type: ignore[arg-type]


# --- VJPs ----------------------------------------------------------------------------------------

SHAPES = st.lists(st.integers(1, 4), min_size=1, max_size=4).map(tuple)


@pytest.mark.parametrize("family", [*LATTICE, "softmax"])
@settings(deadline=None)
@given(shape=SHAPES, components=st.integers(1, 4), step=st.sampled_from([1.0, 1 / 16, 0.3]),
       data=st.data(), seed=st.integers(0, 1000))  # fmt: skip
def test_lengths_have_their_vjp(
    family: str, shape: tuple[int, ...], components: int, step: float, data: Any, seed: int
) -> None:
    lacking = data.draw(st.integers(0, len(shape) - 1))
    value, params = case(family, shape, components, lacking, seed=seed)
    wide = data.draw(st.lists(st.booleans(), min_size=len(shape), max_size=len(shape)))
    cotangent = torch.randn([n if w else 1 for n, w in zip(shape, wide, strict=True)], dtype=F64)
    inputs = [params.requires_grad_()]
    if family != "softmax":
        inputs.append(value.requires_grad_())
    bits = code_length(family, value, params, step, components)
    assert bits.shape == value.shape
    want = torch.autograd.grad((bits * cotangent).sum(), inputs)
    with torch.no_grad():
        d_value, d_params = code_length_vjp(family, cotangent, value, params, step, components)
    close(d_params, want[0])
    if family == "softmax":
        assert d_value is None
    else:
        close(d_value, want[1])


@pytest.mark.parametrize("family", [*LATTICE, "softmax"])
@pytest.mark.parametrize("shape", [(3,), (3, 2), (3, 2, 4)])
def test_an_example_has_the_sum_of_its_lengths(family: str, shape: tuple[int, ...]) -> None:
    value, params = case(family, shape)
    bits = code_length(family, value, params, 1.0, 3)
    close(sequence_length(family, value, params, 1.0, 3), bits.reshape(3, -1).sum(1))
    cotangent = torch.randn(3, dtype=F64)
    each = cotangent.reshape(3, *[1] * (len(shape) - 1)).expand(shape)
    found = sequence_length_vjp(family, cotangent, value, params, 1.0, 3)
    want = code_length_vjp(family, each, value, params, 1.0, 3)
    for one, other in zip(found, want, strict=True):
        assert (one is None) == (other is None)
        if other is not None:
            close(one, other)


def test_labels_without_parameters_have_no_cotangents() -> None:
    label = torch.zeros(2, 3, dtype=torch.int64)
    for family in ("uniform", "dropout"):
        assert sequence_length(family, label, None, n=4, p=0.5).shape == (2,)
        assert code_length_vjp(family, torch.ones(2, 3), label, None) == (None, None)
        assert reparameterise_vjp(family, torch.ones(2, 3), label, None) is None
    assert reparameterise_vjp("softmax", torch.ones(2), label[:, 0], torch.zeros(2, 4)) is None


@DTYPES
@pytest.mark.parametrize("family", LATTICE)
def test_extremes_stay_finite(family: str, dtype: torch.dtype) -> None:
    """10**4 scales out and more, at small and large scales and weights, and at the location."""
    away = torch.tensor([-1e7, -1e4, -30, 0, 1e-8, 30, 1e4, 1e7], dtype=dtype)
    hot = torch.tensor([-1e4, -50, -1, 0, 1, 50, 1e4, 1e6], dtype=dtype)
    both = torch.cartesian_prod(away, hot)
    rows = [both.new_zeros(64), both[:, 1]] if family in SINGLE else [
        both[:, 1], both[:, 1].flip(0), both.new_zeros(64), both[:, 1], both[:, 1], both[:, 0]
    ]  # fmt: skip
    params = torch.cat(rows).requires_grad_()
    value = (both[:, 0] * (0.5 + both[:, 1].clamp(min=0))).requires_grad_()
    bits = code_length(family, value, params, 1.0, 2)
    auto = torch.autograd.grad(bits.sum(), (value, params))
    with torch.no_grad():
        own = code_length_vjp(family, torch.ones(()).to(dtype), value, params, 1.0, 2)
        drawn = reparameterise_vjp(family, torch.ones(()).to(dtype), value, params, 1.0, 2)
    for found in (bits, *auto, *own, drawn):
        assert found is not None
        assert bool(found.isfinite().all())
    rtol = 1e-3 if dtype == torch.float32 else 1e-7
    for one, other in zip(own, auto, strict=True):
        assert one is not None
        assert torch.allclose(one, other, rtol=rtol, atol=1e-3 if rtol > 1e-4 else 1e-9)


@pytest.mark.parametrize("family", LATTICE)
def test_nothing_given_is_overwritten(family: str) -> None:
    value, params = case(family, (2, 3))
    given = (value, params, torch.ones(2, 3, dtype=F64))
    code_length(family, value, params, 1.0, 3)
    code_length_vjp(family, given[2], value, params, 1.0, 3)
    reparameterise_vjp(family, given[2], value, params, 1.0, 3)
    assert [t._version for t in given] == [0, 0, 0]


# --- draws ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("family", SINGLE)
@pytest.mark.parametrize("lacking", [0, 1])
def test_a_draw_passes_its_cotangent_on(family: str, lacking: int) -> None:
    value, params = case(family, (3, 4), lacking=lacking)
    params.requires_grad_()
    _, loc, scale = unpack(family, params, 0.5)
    noise = ((value - loc) / scale).detach()
    cotangent = torch.randn(3, 4, dtype=F64)
    (want,) = torch.autograd.grad(loc + scale * noise, params, cotangent) if not lacking else (
        torch.autograd.grad((loc + scale * noise).mul(cotangent).sum(), params)
    )  # fmt: skip
    with torch.no_grad():
        close(reparameterise_vjp(family, cotangent, value, params, 0.5), want)


@pytest.mark.parametrize("lacking", [0, 1])
def test_a_draw_of_a_mixture_moves_with_its_distribution(lacking: int) -> None:
    value, params = case("logistic_mixture", (3, 4), lacking=lacking)
    value.requires_grad_()
    params.requires_grad_()
    logits, loc, scale = unpack("logistic_mixture", params, 0.5, 3)
    assert logits is not None
    below = (logits.softmax(-1) * torch.sigmoid((value[..., None] - loc) / scale)).sum(-1)
    (density,) = torch.autograd.grad(below.sum(), value, retain_graph=True)
    cotangent = torch.randn(3, 4, dtype=F64)
    (want,) = torch.autograd.grad((below * (-cotangent / density)).sum(), params)
    with torch.no_grad():
        found = reparameterise_vjp("logistic_mixture", cotangent, value, params, 0.5, 3)
    close(found, want, 1e-8)


def test_a_mixture_of_one_draws_as_its_component() -> None:
    value, params = case("logistic", (3, 4))
    cotangent = torch.randn(3, 1, dtype=F64)
    mixed = torch.cat((torch.randn(3, 4, dtype=F64), params), -1)
    found = reparameterise_vjp("logistic_mixture", cotangent, value, mixed, 0.5, 1)
    want = reparameterise_vjp("logistic", cotangent, value, params, 0.5)
    assert found is not None
    assert want is not None
    assert torch.allclose(found[:, :4], torch.zeros(3, 4, dtype=F64), atol=1e-12)
    close(found[:, 4:], want)


# --- compilers -----------------------------------------------------------------------------------


@pytest.mark.parametrize("family", ["logistic", "logistic_mixture"])
def test_compiled_lengths_are_the_eager_ones(family: str) -> None:
    torch._dynamo.reset()
    value, params = case(family, (2, 4, 3), lacking=1, dtype=torch.float32)
    cotangent = torch.randn(2)

    def run(value: Tensor, params: Tensor, cotangent: Tensor) -> tuple[Tensor | None, ...]:
        bits = sequence_length(family, value, params, 1 / 16, 3)
        own = sequence_length_vjp(family, cotangent, value, params, 1 / 16, 3)
        each = cotangent[:, None, None]
        return bits, *own, reparameterise_vjp(family, each, value, params, 1 / 16, 3)

    graph = torch.compile(run, fullgraph=True)
    for found, want in zip(
        graph(value, params, cotangent), run(value, params, cotangent), strict=True
    ):
        assert torch.allclose(found, want, rtol=1e-4, atol=1e-4)
    torch._dynamo.reset()


def test_compiled_lengths_have_gradients() -> None:
    torch._dynamo.reset()
    value, params = case("logistic", (2, 3))
    params.requires_grad_()
    graph = torch.compile(code_length, fullgraph=True, backend="aot_eager")
    (found,) = torch.autograd.grad(graph("logistic", value, params).sum(), params)
    (want,) = torch.autograd.grad(code_length("logistic", value, params).sum(), params)
    close(found, want)
    torch._dynamo.reset()
