"""Nondeterministic kernels: two runs on the same bits, under torch's own demand for determinism."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from revc.audit.finding import Finding
from revc.audit.subject import Subject
from revc.audit.watch import Watched
from revc.audit.whereabouts import Whereabouts
from revc.runtime.flags import differences, flags
from revc.runtime.metered.conditions import device_of

NAME = "deterministic kernels"


@contextmanager
def _demanded() -> Iterator[None]:
    before = torch.are_deterministic_algorithms_enabled()
    warned = torch.is_deterministic_algorithms_warn_only_enabled()
    # Without it torch refuses every product of matrices on CUDA; cuBLAS reads it as it starts.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before, warn_only=warned)


def check(subject: Subject) -> Finding:
    """Return what differs between two runs; an operator or a net that cannot repeat is named."""
    device, changed = device_of(subject.model), dict[str, str]()

    def left(net: str) -> None:
        if not changed and (text := differences(before, flags(device))):
            changed[net] = text

    runs, where = (Watched(), Watched()), Whereabouts(subject.model, left=left)
    try:
        with _demanded(), torch.no_grad(), where:
            before = flags(device)
            for watched in runs:
                subject.run(watched)
    except RuntimeError as error:
        if "deterministic" not in str(error):
            raise
        return _refused(subject, runs, where, str(error).splitlines()[0])
    for net, text in changed.items():
        detail = f"{net} sets what torch chooses kernels by, as it runs: {text}"
        return Finding(NAME, None, "", "no such net", False, detail)
    one, other = runs
    pairs = zip((*one.out, *one.out.state[0]), (*other.out, *other.out.state[0]), strict=True)
    wrong = sum(_differ(a, b) for a, b in pairs)
    places = sum(a != b for a, b in zip(one.hashes, other.hashes, strict=True))
    detail = "two runs of the same inputs and the same random bits"
    if places:
        detail += f" differ first {_first(subject, one, other)}"
    if device.type == "cuda" and torch.backends.cudnn.benchmark:
        detail += ". cudnn.benchmark is on: it is off while nets run, but not under torch.compile"
    met = wrong == 0 and places == 0
    return Finding(NAME, wrong + places, "elements and hashes differ", "= 0", met, detail)


def _refused(
    subject: Subject, runs: tuple[Watched, Watched], where: Whereabouts, text: str
) -> Finding:
    operator, net = where.failed or ("an operator", where.net)
    names = [place.name for place in subject.places()]
    reached = len((runs[1] if runs[1].hashes else runs[0]).hashes)
    at = f" ({names[reached - 1]})" if 0 < reached <= len(names) else ""
    detail = f"{operator} in {net}{at}: {text}"
    return Finding(NAME, None, "", "no such operator", False, detail)


def _differ(a: Tensor, b: Tensor) -> int:
    """Return how many elements differ; two that are no number are the same."""
    if a.shape != b.shape:
        return max(a.numel(), b.numel())
    both = (a != a) & (b != b)
    return int(((a != b) & ~both).sum())


def _first(subject: Subject, one: Watched, other: Watched) -> str:
    names = [place.name for place in subject.places()]
    index = next(i for i, pair in enumerate(zip(one.hashes, other.hashes, strict=True))
                 if pair[0] != pair[1])  # fmt: skip
    return (
        f"after {names[index - 1]}"
        if index and names
        else "at the start"
        if names
        else "at the end"
    )
