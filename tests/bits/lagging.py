"""Devices that lag as far as they may, on the CPU: copies that run late, and looks that do."""

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
import torch
from torch import Tensor

from revc.runtime.bits import growth, host
from revc.runtime.bits.growth import Snapshot


class EarlyQueue:
    """A second line that does every job at once."""

    device = torch.device("cpu")

    def __init__(self) -> None:
        self.jobs: list[Callable[[], object]] = []
        self.done = self.joins = self.waits = 0

    def run(self, job: Callable[[], object], uses: Tensor) -> int:
        self.jobs.append(job)
        self._do(len(self.jobs))
        return len(self.jobs)

    def join(self, mark: int) -> None:
        self.joins += 1
        self._do(mark)

    def wait(self, mark: int) -> None:
        self.waits += 1
        self._do(mark)

    def memory(self, like: Tensor) -> Tensor:
        return torch.full_like(like, 0x5A5A)

    def _do(self, mark: int) -> None:
        for job in self.jobs[self.done : mark]:
            job()
        self.done = max(self.done, mark)


class LateQueue(EarlyQueue):
    """A second line that does a job when somebody cannot go on without it, in their order."""

    def run(self, job: Callable[[], object], uses: Tensor) -> int:
        self.jobs.append(job)
        return len(self.jobs)


@dataclass
class Looks:
    """What was asked of a device, and for which of it the host waited."""

    asked: int = 0
    waited: list[int] = field(default_factory=list)


class Answer:
    """A look's end, which comes when somebody waits for it."""

    def __init__(self, looks: Looks) -> None:
        looks.asked += 1
        self.looks, self.number, self.here = looks, looks.asked, False

    def query(self) -> bool:
        return self.here

    def synchronize(self) -> None:
        self.looks.waited.append(self.number)
        self.here = True


def lag(monkeypatch: pytest.MonkeyPatch) -> Looks:
    """Let the CPU answer how full lanes are only when it is waited for."""
    looks = Looks()

    def late(fill: Tensor) -> Snapshot:
        return Snapshot(torch.stack(torch.aminmax(fill)), Answer(looks))

    monkeypatch.setattr(host, "waits", lambda _device: True)
    monkeypatch.setattr(growth, "snapshot", late)
    return looks
