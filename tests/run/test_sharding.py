"""Two ranks: sharded segments give one process's gradients, and DDP reduces as the pass goes."""

import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.multiprocessing as mp
from torch import Tensor, distributed, nn
from torch.distributed.algorithms.ddp_comm_hooks.default_hooks import allreduce_hook
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor
from torch.nn.parallel import DistributedDataParallel

import revc
from revc.errors import BindError
from tests.model import specs
from tests.model.laws import randomize

BODY = (
    "\n  net F(x: [B, T, d]) -> [B, T, d]\n  a += linear(b)\n"
    "  repeat 4 { Layer(a, b) }\n  b += F(a)\n"
)
BOTH = specs.LAYERS.replace("repeat 3 { Layer(a, b) }", BODY)


def setting() -> tuple[nn.Module, Tensor, Tensor]:
    torch.manual_seed(0)
    model = revc.compile(BOTH, nets={"F": lambda: nn.Linear(8, 8)})
    randomize(model)
    return model, torch.randn(4, 5, 8), torch.randn(4, 5, 8)


def loss(out: Any) -> Tensor:
    return out.a.square().mean() + out.b.square().mean()


def whole(value: Tensor) -> Tensor:
    return value.full_tensor() if isinstance(value, DTensor) else value


def sharded(rank: int, folder: str) -> None:
    model, a, b = setting()
    for segment in model.segments:
        fully_shard(segment)
    fully_shard(model)
    half = slice(2 * rank, 2 * rank + 2)
    for _ in range(2):  # the second micro-batch adds to the first one's gradients
        loss(model(a[half], b[half])).backward()
    found = {name: whole(p.grad) / 2 for name, p in model.named_parameters()}
    if rank == 0:
        torch.save(found, Path(folder) / "found.pt")


def sharded_net(rank: int, folder: str) -> None:
    model, a, b = setting()
    fully_shard(model.nets.F)
    try:
        loss(model(a, b)).backward()
        said = "nothing"
    except BindError as error:
        said = str(error)
    if rank == 0:
        torch.save(said, Path(folder) / "found.pt")


def replicated(rank: int, folder: str) -> None:
    model, a, b = setting()
    wrapped = DistributedDataParallel(model, bucket_cap_mb=0.002)
    events: list[str] = []

    def reduced(group: Any, bucket: distributed.GradBucket) -> torch.futures.Future[Tensor]:
        events.append("bucket")
        return allreduce_hook(group, bucket)

    wrapped.register_comm_hook(None, reduced)
    for _ in range(2):  # buckets are rebuilt after the first pass, in the order of gradients
        events.clear()
        first = model.segments[0].register_full_backward_pre_hook(lambda *_: events.append("first"))
        loss(wrapped(a, b)).backward()
        first.remove()
    if rank == 0:
        torch.save(events, Path(folder) / "found.pt")


def one_rank(rank: int, port: int, folder: str, work: Callable[[int, str], None]) -> None:
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port))
    torch.set_num_threads(1)
    distributed.init_process_group("gloo", rank=rank, world_size=2)
    work(rank, folder)
    distributed.destroy_process_group()


def on_two_ranks(work: Callable[[int, str], None], folder: Path) -> Any:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    mp.spawn(one_rank, args=(port, str(folder), work), nprocs=2)
    return torch.load(folder / "found.pt")


def test_sharded_segments_train_as_one_process(tmp_path: Path) -> None:
    found = on_two_ranks(sharded, tmp_path)
    model, a, b = setting()
    loss(model(a, b)).backward()
    wanted = {name: p.grad for name, p in model.named_parameters()}
    assert found.keys() == wanted.keys()
    for name, grad in wanted.items():
        torch.testing.assert_close(found[name], grad, atol=1e-5, rtol=1e-4)


def test_a_net_that_is_sharded_by_itself_is_refused(tmp_path: Path) -> None:
    assert "net F holds a sharded parameter" in on_two_ranks(sharded_net, tmp_path)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_ddp_reduces_most_of_its_buckets_before_the_first_segment_runs_back(tmp_path: Path) -> None:
    events = on_two_ranks(replicated, tmp_path)
    buckets = events.count("bucket")
    assert buckets >= 4
    assert events.index("first") >= buckets / 2
