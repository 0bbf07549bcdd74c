"""What comes in: finite, inside its lattice, or said to be otherwise; and laid out in one way."""

import warnings

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

import revc
from revc.errors import BindError
from revc.runtime.run.guard import ClampWarning, NonFiniteError

HEAD = "use std.nets: attention, conv, linear, mlp, norm\ndim B, T, d = 8\nstate lattice(Q12.20)\n"
ADD = HEAD + "model Net(a, b: [B, T, d]) -> (a, b: [B, T, d]) {\n  a += gelu(b)\n}\n"
LABELS = """dim B, T
state lattice(Q12.20)
model Net(x: label(7)[B, T], given g: label(7)[B, T]) -> (x: label(7)[B, T]) {
  x += g
}
"""
WHOLE = """use std.nets: parameter
dim B, T = 5
state lattice(Q16.0)
model Net(x: [B, T]) -> () {
  put x by logistic(parameter([2*5]), step = 1) as code
}
"""

# Dynamo itself warns of how it makes an autograd Function.
COMPILING = pytest.mark.filterwarnings("ignore:.*should not be instantiated:DeprecationWarning")


def pair(*shape: int) -> tuple[Tensor, Tensor]:
    torch.manual_seed(1)
    return torch.randn(shape), torch.randn(shape)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
@COMPILING
@pytest.mark.usefixtures("fresh_dynamo")
@pytest.mark.parametrize("compiled", [False, True])
def test_what_is_not_finite_is_refused(value: float, compiled: bool) -> None:
    model = revc.compile(ADD)
    call = (
        torch.compile(model, backend="eager", dynamic=False, fullgraph=True) if compiled else model
    )
    a, b = pair(2, 3, 8)
    b[1, 2, 3] = value
    place = "b goes from" if compiled else r"b\[1, 2, 3\]"
    with pytest.raises(NonFiniteError, match=place):
        call(a, b)


def test_a_mask_may_hide_with_infinities() -> None:
    model = revc.compile(
        "dim B\nstate lattice(Q12.20)\nmodel Net(a: [B], given m: float32[B]) -> (a: [B]) {\n"
        "  a += sigmoid(m)\n}\n"
    )
    assert model(torch.zeros(2), torch.tensor([float("-inf"), 0.0])).a.tolist() == [0.0, 0.5]
    with pytest.raises(NonFiniteError, match=r"m\[1\] is nan"):
        model(torch.zeros(2), torch.tensor([0.0, float("nan")]))


def test_what_is_clamped_is_counted_once_warned_of_and_has_no_gradient() -> None:
    model = revc.compile(ADD)
    a, b = pair(2, 3, 8)
    a[0, 1, 2], a[1, 0, 0] = 3000.0, -2048.5
    a.requires_grad_()
    with pytest.warns(ClampWarning, match="2 elements of a"):
        out = model(a, b)
    out.a.sum().backward()
    wanted = torch.ones_like(a)
    wanted[0, 1, 2] = wanted[1, 0, 0] = 0.0
    assert torch.equal(a.grad, wanted)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model(a, b)
    assert model.counts.inputs == {"a clamped": 4}
    model.counts.clear()
    assert not model.counts.inputs


@COMPILING
@pytest.mark.usefixtures("fresh_dynamo")
def test_compiled_code_refuses_what_eager_code_clamps() -> None:
    compiled = torch.compile(revc.compile(ADD), backend="eager", dynamic=False, fullgraph=True)
    a, b = pair(2, 3, 8)
    compiled(a, b)
    a[0, 0, 0] = 3000.0
    with pytest.raises(BindError, match="a goes from"):
        compiled(a, b)


def test_a_clamped_increment_is_counted_and_has_no_gradient() -> None:
    model = revc.compile(
        "dim B\nstate lattice(Q4.28)\nmodel Net(a, b: [B]) -> (a, b: [B]) {\n  a += exp(b)\n}\n"
    )
    b = torch.tensor([0.0, 7.0], requires_grad=True)
    with pytest.warns(ClampWarning, match="line 4: an increment"):
        out = model(torch.zeros(2), b)
    out.a.sum().backward()
    assert b.grad.tolist() == [1.0, 0.0]
    assert model.counts.increments == {"segment line 4": 1}


def test_compress_and_score_refuse_what_they_cannot_give_back() -> None:
    model = revc.compile(WHOLE)
    good = torch.randint(0, 100, (2, 5)).float()
    assert torch.equal(model.decompress(model.compress(good)), good)
    for bad, why in ((0.3, "not an integer"), (40000.0, "beyond the lattice")):
        x = good.clone()
        x[1, 4] = bad
        for direction in (model.compress, model.score):
            with pytest.raises(BindError, match=rf"x\[1, 4\] = {bad:g} is {why}"):
                direction(x)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int16, torch.int32, torch.int64])
def test_integers_go_where_floats_go(dtype: torch.dtype) -> None:
    model = revc.compile(WHOLE)
    x = torch.randint(0, 100, (2, 5))
    assert torch.equal(model.decompress(model.compress(x.to(dtype))), x.float())


@given(st.integers(-(2**30), 2**30), st.sampled_from([torch.float64, torch.int64]))
@settings(max_examples=20, deadline=None)
def test_wide_values_lose_nothing(number: int, dtype: torch.dtype) -> None:
    model = revc.compile("dim B\nstate lattice(Q32.0)\nmodel Net(a: [B]) -> (a: [B]) {\n}\n")
    out = model(torch.tensor([number], dtype=dtype))
    assert out.run.raw[0].tolist() == [number]


@pytest.mark.parametrize("bad", [-1, 7, -100])
def test_labels_out_of_range_are_refused(bad: int) -> None:
    model = revc.compile(LABELS)
    x, g = torch.randint(0, 7, (2, 3)), torch.randint(0, 7, (2, 3))
    for name in ("x", "g"):
        values = {"x": x.clone(), "g": g.clone()}
        values[name][1, 2] = bad
        with pytest.raises(BindError, match=rf"{name}\[1, 2\] is {bad}"):
            model(**values)


@pytest.mark.parametrize("dtype", [torch.int32, torch.int16, torch.uint8])
def test_narrow_labels_are_widened(dtype: torch.dtype) -> None:
    model = revc.compile(LABELS)
    x, g = torch.randint(0, 7, (2, 3)), torch.randint(0, 7, (2, 3))
    out = model(x.to(dtype), g.to(dtype))
    assert out.x.dtype == torch.int64
    assert torch.equal(out.x, (x + g) % 7)
    assert torch.equal(model.inverse(out), x)


def test_large_labels_add_without_rounding() -> None:
    size = 2**40
    model = revc.compile(LABELS.replace("label(7)", f"label({size})"))
    x, g = torch.full((1, 1), 2**39 + 1), torch.full((1, 1), 2**24 + 1)
    assert model(x, g).x.item() == 2**39 + 2**24 + 2


# --- layouts -------------------------------------------------------------------------------------


@pytest.mark.parametrize("batch", [1, 2])
def test_a_permuted_register_is_seen_alike_in_every_direction(batch: int) -> None:
    model = revc.compile(
        HEAD + "model Net(a, b: [B, T, d]) -> (a: [B, T, d], b: [B, d, T]) {\n"
        "  a += gelu(b)\n  a += mlp(norm(b), width = 16)\n  permute b by (0, 2, 1)\n}\n"
    )
    a, b = pair(batch, 300, 8)
    a, b = a.requires_grad_(), b.requires_grad_()
    out = model(a, b)
    again = model(*model.inverse(out))
    assert all(torch.equal(x, y) for x, y in zip(again, out, strict=True))
    (out.a.sum() + out.b.sum()).backward()
    assert b.grad is not None


@pytest.mark.parametrize("form", [torch.channels_last, torch.contiguous_format])
@pytest.mark.parametrize("batch", [1, 3])
def test_the_layout_of_inputs_makes_no_difference(form: torch.memory_format, batch: int) -> None:
    model = revc.compile(
        "use std.nets: conv\ndim B, H, W, c = 8\nstate lattice(Q12.20)\n"
        "model Net(a, b: [B, c, H, W], given g: float32[B, c, H, W]) -> (a, b: [B, c, H, W]) {\n"
        "  a += conv(b, g, kernel = 3, width = 8)\n  b += conv(a, kernel = 3, width = 8)\n}\n"
    )
    torch.manual_seed(2)
    a, b, g = (torch.randn(batch, 8, 6, 6) for _ in "abg")
    wanted = model(a, b, g)
    found = model(*(x.to(memory_format=form) for x in (a, b, g)))
    assert all(torch.equal(x, y) for x, y in zip(found.run.raw, wanted.run.raw, strict=True))
    assert all(value.is_contiguous() for value in found.run.raw)
    model.inverse(found)  # compares with the inputs' checksums
