"""revc's arms have the plain arm's weights, come back bit for bit, and match the oracle."""

import pytest
import torch
from torch import Tensor

from benchmarks.arms import Arm, build
from benchmarks.exactness import differing
from benchmarks.nets import Size, layers, streams
from benchmarks.oracle import decode, replay, trajectory
from benchmarks.reversible import EXACT, REVC

SIZE = Size(layers=2, batch=4, time=8, width=16, heads=2)
LATTICE = [name for name, settings in REVC.items() if settings.state == EXACT]


def gradients(arm: Arm, outputs: tuple[Tensor, ...]) -> list[Tensor]:
    (outputs[0].sin().sum() + outputs[1].cos().sum()).backward()
    return [w.grad for w in (*arm.weights, *arm.leaves) if w.grad is not None]


@pytest.mark.parametrize("name", REVC)
def test_outputs_and_gradients_are_the_plain_arms(name: str) -> None:
    ours, plain = build(name, SIZE), build("plain", SIZE)
    a, b = ours.outputs()
    a0, b0 = plain.outputs()
    assert torch.allclose(a, a0, atol=1e-4)
    assert torch.allclose(b, b0, atol=1e-4)
    pairs = zip(gradients(ours, (a, b)), gradients(plain, (a0, b0)), strict=True)
    assert all(torch.allclose(x, y, rtol=1e-3, atol=1e-3) for x, y in pairs)


@pytest.mark.parametrize("name", LATTICE)
@pytest.mark.parametrize(
    ("scale", "dtype"), [(1.0, torch.float32), (4.0, torch.float32), (1.0, torch.bfloat16)]
)
def test_inputs_come_back_bit_for_bit(name: str, scale: float, dtype: torch.dtype) -> None:
    assert differing(build(name, SIZE, scale, dtype)) == 0


def test_a_wrong_bit_is_counted() -> None:
    arm = build("revc lattice", SIZE)
    out = arm.module(*arm.leaves)
    with torch.no_grad():
        arm.leaves[0].view(torch.int32)[0, 0, 0] ^= 1
    arm.call = lambda: out
    assert differing(arm) == 1


@pytest.mark.parametrize("name", ["revc lattice", "revc lattice, torch nets"])
def test_the_oracle_runs_the_same_lattice_forward(name: str) -> None:
    a, b = build(name, SIZE).outputs()
    states = trajectory(layers(SIZE), *streams(SIZE))
    assert torch.equal(decode(states[-2], torch.float32), a)
    assert torch.equal(decode(states[-1], torch.float32), b)


@pytest.mark.parametrize("name", LATTICE)
def test_gradients_are_the_oracles(name: str) -> None:
    arm, stack = build(name, SIZE), layers(SIZE, dtype=torch.float64)
    a, b = (x.double().requires_grad_() for x in streams(SIZE))
    out = replay(stack, trajectory(layers(SIZE), *streams(SIZE)), a, b)
    (out[0].sin().sum() + out[1].cos().sum()).backward()
    reference = [w.grad for w in (*(w for x in stack for w in x.parameters()), a, b)]
    for ours, theirs in zip(gradients(arm, arm.outputs()), reference, strict=True):
        assert theirs is not None
        assert (ours - theirs).norm() < 1e-5 * theirs.norm()
