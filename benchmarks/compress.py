"""Activations kept as codes: error, bytes and loss beside int8, int4 and the exact optimum.

    python -m benchmarks.compress [--json] [--layers 6] [--steps 40]

A small transformer predicts sums of sines. All arms keep everything that they save, in their own
way; the exact plan computes again instead, within the peak of the constant policy. "Adaptive" is
the policy of `revc.plan(.., lossy = ..)` at that peak, with coding taken to cost nothing: at what
it costs, the planner takes the exact plan. "Shuffled" codes activations whose places in time are
permuted: what is left is the coder without the wavelets' gain. Gradient errors are L2 norms of the
difference, as a share, for a random linear function of the results. Times are the process's own.
"""

from __future__ import annotations

import argparse
import copy
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor, nn

import revc
from benchmarks.rows import Row, as_json, print_table
from revc.planning.lossy import code, policy
from revc.planning.lossy.hooks import Lossy, compressed
from revc.planning.meter import trace
from revc.planning.modules.packed import Own
from revc.planning.modules.step import measured
from tests.planner.nets import Block, RootNorm

CPU = torch.device("cpu")
WIDTH, TIME, BATCH = 32, 128, 4
BITS = 4.0
Context = Callable[[], AbstractContextManager[object]]


def network(layers: int, seed: int = 0) -> nn.Sequential:
    torch.manual_seed(seed)
    blocks = [Block(WIDTH) for _ in range(layers)]
    return nn.Sequential(nn.Linear(4, WIDTH), *blocks, RootNorm(WIDTH), nn.Linear(WIDTH, 4))


def signals(seed: int) -> Tensor:
    """Sums of two sines in each of four channels, [BATCH, TIME + 1, 4]."""
    made = torch.Generator().manual_seed(seed)
    speed, phase = (torch.rand(2, BATCH, 1, 4, generator=made) for _ in range(2))
    places = torch.linspace(0, 12, TIME + 1)[:, None]
    return torch.sin(places * (0.5 + speed) + 6 * phase).sum(0)


class Within(nn.Module):
    """A network whose forward pass runs in a context."""

    def __init__(self, net: nn.Module, context: Context) -> None:
        super().__init__()
        self.net, self.context = net, context

    def forward(self, x: Tensor) -> Tensor:
        with self.context():
            out: Tensor = self.net(x)
        return out


@dataclass(frozen=True)
class Whole:
    """Whole numbers of `bits` bits, with a scale a row; two to a byte if they are four."""

    data: Tensor
    scale: Tensor
    like: Tensor  # of the same shape and dtype, without memory
    bits: int


def rounded(value: Tensor, bits: int) -> Whole:
    most = 2 ** (bits - 1) - 1
    scale = (value.abs().amax(-1, keepdim=True) / most).clamp(min=1e-30)
    data = torch.round(value / scale).to(torch.int8).flatten()
    if bits == 4:
        data = torch.nn.functional.pad(data, (0, data.numel() % 2)).view(-1, 2)
        data = (data[:, 0] & 15) | (data[:, 1] << 4)
    return Whole(data, scale, torch.empty(value.shape, dtype=value.dtype, device="meta"), bits)


def restored(whole: Whole) -> Tensor:
    data = whole.data
    if whole.bits == 4:
        data = torch.stack(((data << 4) >> 4, data >> 4), -1).flatten()[: whole.like.numel()]
    return (data.view(whole.like.shape) * whole.scale).to(whole.like.dtype)


def integers(own: Own, bits: int) -> Lossy:
    return Lossy(own, lambda value: rounded(value, bits), restored)


def shuffled(own: Own, bits: float) -> Lossy:
    """Codes of activations whose places in time are in a random order."""

    def order(value: Tensor) -> Tensor:
        return torch.randperm(value.shape[-2], generator=torch.Generator().manual_seed(0))

    def encode(value: Tensor) -> code.Coded | None:
        return code.encode(value.index_select(-2, order(value)), bits)

    def decode(coded: code.Coded) -> Tensor:
        found = code.decode(coded)
        return found.index_select(-2, order(found).argsort())

    return Lossy(own, encode, decode)


def arms(net: nn.Sequential, x: Tensor) -> dict[str, nn.Module]:
    """Return the network in each way, all with the same parameters."""
    own = Own(net.parameters())
    contexts: dict[str, Context] = {
        "everything kept": nullcontext,
        "int8": lambda: integers(own, 8),
        "int4": lambda: integers(own, 4),
        "constant, 4 bits": lambda: compressed(own, BITS),
        "constant, 2 bits": lambda: compressed(own, BITS / 2),
        "shuffled, 4 bits": lambda: shuffled(own, BITS),
    }
    found: dict[str, nn.Module] = {name: Within(net, one) for name, one in contexts.items()}
    memory = measured(found["constant, 4 bits"], [x], CPU)
    exact = within(memory, lambda budget: revc.plan(net, x, memory=budget).module)
    if exact is not None:
        found["exact plan"] = exact
    before, policy.OPERATIONS = policy.OPERATIONS, 1.0
    try:
        made = within(memory, lambda budget: revc.plan(net, x, memory=budget, lossy=0.05).module)
    finally:
        policy.OPERATIONS = before
    if made is not None:
        found["adaptive, error 0.05"] = made
    return found


def within(memory: int, plan: Callable[[int], nn.Module]) -> nn.Module | None:
    """Return a plan at a budget, None if there is none."""
    try:
        return plan(memory)
    except revc.ScheduleError:
        return None


def kept(module: nn.Module, x: Tensor) -> int:
    """Return the bytes that stay between the passes, the result among them."""
    module(x)
    return trace(lambda: module(x)).kept


def seconds(module: nn.Module, x: Tensor, rounds: int = 3) -> float:
    taken = []
    for _ in range(rounds):
        start = time.process_time()
        module(x).square().mean().backward()
        taken.append(time.process_time() - start)
    return statistics.median(taken)


def final_loss(module: nn.Module, steps: int, seed: int) -> float:
    """Return the mean loss of the last five steps of a training run."""
    twin = copy.deepcopy(module)
    optimiser = torch.optim.Adam(twin.parameters(), lr=3e-3)
    losses = []
    for step in range(steps):
        batch = signals(1000 * seed + step)
        loss = (twin(batch[:, :-1]) - batch[:, 1:]).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    return statistics.fmean(losses[-5:])


def rows(layers: int, steps: int) -> Iterator[Row]:
    """All figures of all arms."""
    x = signals(0)[:, :-1].contiguous()
    net = network(layers)
    made = arms(net, x)
    plain = made["everything kept"]
    exact = policy.gradients(plain, [x], CPU)
    base, most, first = seconds(plain, x), measured(plain, [x], CPU), kept(plain, x)
    for name, module in made.items():
        yield Row(f"{name}, peak", measured(module, [x], CPU) / most, "of everything kept")
        yield Row(f"{name}, bytes kept", kept(module, x) / first, "of everything kept")
        error = policy.relative(policy.gradients(module, [x], CPU), exact)
        yield Row(f"{name}, gradient error", error, "of the norm")
        yield Row(f"{name}, time", seconds(module, x) / base, "x plain")
    for name in made:
        losses = [final_loss(started(made[name], layers, seed), steps, seed) for seed in range(3)]
        yield Row(f"{name}, final loss", statistics.fmean(losses), "of three seeds")


def started(arm: nn.Module, layers: int, seed: int) -> nn.Module:
    """Return an arm with the parameters that a seed starts from."""
    twin = copy.deepcopy(arm)
    values = network(layers, seed).parameters()
    with torch.no_grad():
        for own, value in zip(twin.parameters(), values, strict=True):
            own.copy_(value)
    return twin


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--json", action="store_true", help="print an array of rows")
    parser.add_argument("--layers", type=int, default=6, help="of the transformer (6)")
    parser.add_argument("--steps", type=int, default=40, help="of each training run (40)")
    options = parser.parse_args()
    found = list(rows(options.layers, options.steps))
    if options.json:
        print(as_json(found))
    else:
        print_table("activations as codes", found)


if __name__ == "__main__":
    main()
