"""Data parallel training on two ranks gives the gradients of one process."""

import os
import socket
from pathlib import Path

import torch
import torch.multiprocessing as mp
from torch import Tensor, distributed
from torch.nn.parallel import DistributedDataParallel

import revc
from tests.model import specs
from tests.model.laws import randomize


def gradients(model: torch.nn.Module, a: Tensor, b: Tensor) -> list[Tensor]:
    out = model(a, b)
    (out.a.square().mean() + out.b.square().mean()).backward()
    return [p.grad for p in model.parameters() if p.grad is not None]


def one_rank(rank: int, port: int, folder: str) -> None:
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port))
    torch.set_num_threads(1)
    distributed.init_process_group("gloo", rank=rank, world_size=2)
    model, a, b = setting()
    half = slice(2 * rank, 2 * rank + 2)
    found = gradients(DistributedDataParallel(model), a[half], b[half])
    if rank == 0:
        torch.save(found, Path(folder) / "gradients.pt")
    distributed.destroy_process_group()


def setting() -> tuple[torch.nn.Module, Tensor, Tensor]:
    torch.manual_seed(0)
    model = revc.compile(specs.LAYERS)
    randomize(model)
    return model, torch.randn(4, 5, 8), torch.randn(4, 5, 8)


def test_two_ranks(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    mp.spawn(one_rank, args=(port, str(tmp_path)), nprocs=2)
    found = torch.load(tmp_path / "gradients.pt")
    for one, other in zip(found, gradients(*setting()), strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-4)
