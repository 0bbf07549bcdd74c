"""Diagnostic 1, the bit cycle: SHA-256 of state, tape and reservoir at every segment and turn.

Forward, then back: by the inverse graph, by the backward pass, and by the inverse after an
optimiser step whose parameters were put back. The hashes have to be the same in reverse order.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from revc.audit.finding import Finding, nothing
from revc.audit.subject import Subject, Watched
from revc.errors import RevcError
from revc.runtime.checksum import observing

NAME = "bit cycle"


def check(subject: Subject) -> Finding:
    """Return how many of the boundaries' hashes differ on the way back."""
    if not subject.model.interface.exact:
        return nothing(NAME, "float state is not rebuilt bit for bit: see reconstruction drift")
    watched = subject.run()
    ways: dict[str, Callable[[Subject, Watched], list[str]]] = {
        "inverse": _inverse, "backward": _backward, "inverse after a step": _after_step,
    }  # fmt: skip
    wrong, told = 0, list[str]()
    series: dict[str, list[float]] = {}
    for name, way in ways.items():
        try:
            found = way(subject, watched)
        except RevcError as error:
            wrong, series[name] = wrong + 1, [0.0] * len(watched.hashes)
            told.append(f"{name}: {error}")
            continue
        wanted = watched.hashes if name != "backward" else watched.hashes[:-1]
        if found and len(found) != len(wanted):
            wrong += abs(len(found) - len(wanted))
        agree = [float(a == b) for a, b in zip(reversed(wanted), found, strict=False)]
        wrong, series[name] = wrong + agree.count(0.0), agree
        told.append(f"{name}: {len(agree)} boundaries")
    detail = "; ".join(told)
    return Finding(NAME, wrong, "hashes differ", "= 0", wrong == 0, detail, series)


def _inverse(subject: Subject, watched: Watched) -> list[str]:
    hashes: list[str] = []
    with subject.audited_inverse(), observing(_into(subject, watched, hashes)):
        subject.model.inverse(watched.out)
    return hashes


def _backward(subject: Subject, watched: Watched) -> list[str]:
    hashes: list[str] = []
    loss = _loss(watched.out)
    if loss is None:
        return hashes
    with observing(_into(subject, watched, hashes)):
        torch.autograd.grad(loss, _leaves(subject), allow_unused=True, retain_graph=True)
    return hashes


def _after_step(subject: Subject, watched: Watched) -> list[str]:
    params = list(subject.model.parameters())
    before = [param.detach().clone() for param in params]
    loss = _loss(watched.out)
    if loss is None or not params:
        return _inverse(subject, watched)
    found = torch.autograd.grad(loss, params, allow_unused=True, retain_graph=True)
    with torch.no_grad():
        for param, gradient in zip(params, found, strict=True):
            if gradient is not None:
                param.sub_(gradient, alpha=1e-3)
        for param, old in zip(params, before, strict=True):
            param.copy_(old)
    return _inverse(subject, watched)


def _into(subject: Subject, watched: Watched, hashes: list[str]) -> Callable[[list[Tensor]], None]:
    return lambda state: hashes.append(subject.hash(state, watched.session))


def _loss(out: Any) -> Tensor | None:
    values = [v.float().square().mean() for v in out if v.is_floating_point() and v.requires_grad]
    if out.run.lengths is not None and out.run.lengths.requires_grad:
        values.append(out.run.lengths.mean() * 1e-3)
    return torch.stack([value.double() for value in values]).sum() if values else None


def _leaves(subject: Subject) -> list[Tensor]:
    leaves = [x for x in subject.inputs.values() if x.requires_grad]
    return [*leaves, *(p for p in subject.model.parameters() if p.requires_grad)]
