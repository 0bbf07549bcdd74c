"""Nets of images and means over axes: values and gradients are torch's, and so are shapes."""

import pytest
import torch
from torch.nn import functional

import revc
from revc.errors import BindError
from tests.model.laws import check_laws, randomize

HEAD = """use std.nets: conv, group_norm, linear, mean, pool
dim B, H, W
state lattice(Q12.20)
"""
WHOLE = f"""{HEAD}model Net(a: [B, 4, H, W], y: [B, 3], given image: float32[B, 3, 2*H, 2*W]) {{
  net Patches = conv(kernel = 2, stride = 2, layers = 1, width = 1, out = 4)
  a += relu(group_norm(Patches(image), groups = 2))
  a += pool(conv(image, width = 5, out = 4), stride = 2, kernel = 3, kind = max)
  a += conv(image, width = 5, kernel = 5, stride = 2)
  y += linear(mean(tanh(a), along = (2, 3)))
  y += linear(mean(mean(a, along = 3), along = -1))
}}
"""


@pytest.mark.parametrize("chunks", [1, 2])
@pytest.mark.parametrize("schedule", ["invert", "save"])
def test_they_obey_the_laws(chunks: int, schedule: str) -> None:
    torch.manual_seed(0)
    model = revc.compile(WHOLE, chunks=chunks, schedule=schedule)
    randomize(model)
    a, y, image = torch.randn(2, 4, 4, 6), torch.randn(2, 3), torch.randn(2, 3, 8, 12)
    check_laws(model, a=a, y=y, image=image)


WINDOWS = [(k, s) for s in (1, 2, 3, 4) for k in range(1, 8) if s > 1 or k % 2]


@pytest.mark.parametrize(("kernel", "stride"), WINDOWS)
def test_a_stride_divides_an_image_whatever_its_kernel(kernel: int, stride: int) -> None:
    text = (
        f"model N(given x: float32[B, 2, H, W]) {{\n"
        f"  emit seen = conv(x, width = 1, layers = 1, kernel = {kernel}, stride = {stride})\n"
        f"  emit most = pool(x, kernel = {kernel}, stride = {stride}, kind = max)\n"
        f"  emit mean_ = pool(x, kernel = {kernel}, stride = {stride})\n}}\n"
    )
    out = revc.compile(HEAD + text)(torch.randn(2, 2, 12, 24))
    assert {tuple(value.shape) for value in out} == {(2, 2, 12 // stride, 24 // stride)}


def test_padding_counts_in_no_mean_and_no_maximum() -> None:
    text = (
        "model N(given x: float32[B, 1, H, W]) {\n"
        "  emit mean_ = pool(x, kernel = 3, stride = 2)\n"
        "  emit most = pool(x, kernel = 3, stride = 2, kind = max)\n}\n"
    )
    x = -1 - torch.rand(2, 1, 4, 4)
    out = revc.compile(HEAD + text)(x)
    assert torch.equal(out.most[0, 0, 0, 0], x[0, 0, :2, :2].amax())
    torch.testing.assert_close(out.mean_[0, 0, 0, 0], x[0, 0, :2, :2].mean())


def test_group_norm_is_torchs_own_and_reads_one_example() -> None:
    text = "model N(given x: float32[B, 6, H, W]) {\n  emit seen = group_norm(x, groups = 3)\n}\n"
    model = revc.compile(HEAD + text)
    x = torch.randn(3, 6, 4, 5)
    torch.testing.assert_close(model(x).seen, functional.group_norm(x, 3))
    other = torch.cat([x[:1], torch.randn(2, 6, 4, 5)])
    assert torch.equal(model(other).seen[0], model(x).seen[0])


def test_sizes_that_a_stride_does_not_divide_are_refused_as_they_come() -> None:
    body = "emit s = mean(pool(x, stride = 2), along = 2)"
    model = revc.compile(f"{HEAD}model N(given x: float32[B, 2, H, W]) {{\n  {body}\n}}\n")
    with pytest.raises(BindError, match=r"line 5: H/2 is no whole number, where H = 5"):
        model(torch.randn(2, 2, 5, 4))
