"""Diagnostic 1, the bit cycle: SHA-256 of state, tape and reservoir at every segment and turn.

Forward, then back: by the inverse graph, by the backward pass, and by the inverse after optimiser
steps whose parameters were put back. The hashes have to be the same in reverse order, all of them:
a boundary that nobody saw again counts as one that differs.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from revc.audit.finding import Finding, nothing
from revc.audit.subject import Subject
from revc.audit.watch import Watched
from revc.errors import RevcError
from revc.runtime.state.checksum import observing

NAME = "bit cycle"
RATE = 1e-3
"""The learning rate of the steps that are taken back."""

Way = Callable[[Subject, Watched, list[str]], bool]


def check(subject: Subject) -> Finding:
    """Return how many of the boundaries' hashes differ on the way back."""
    if not subject.model.interface.exact:
        return nothing(NAME, "float state is not rebuilt bit for bit: see reconstruction drift")
    watched = subject.run()
    names = [place.name for place in subject.places()]
    forward, inside = [*names, "the end"][::-1], names[::-1]
    wrong, told, series = 0, list[str](), dict[str, list[float]]()
    for way, run, at in (
        ("inverse", _inverse, forward), ("backward", _backward, inside),
        (f"inverse after {subject.steps} SGD steps taken back", _after_steps, forward),
    ):  # fmt: skip
        wanted = watched.hashes[::-1][-len(at) :] if at else []
        agree, text = _walk(run, subject, watched, wanted, at)
        if agree is not None:
            series[way] = agree
            wrong += agree.count(0.0)
        told.append(f"{way}: {text}")
    return Finding(NAME, wrong, "hashes differ", "= 0", wrong == 0, "; ".join(told), series)


def _walk(
    run: Way, subject: Subject, watched: Watched, wanted: Sequence[str], at: Sequence[str]
) -> tuple[list[float] | None, str]:
    """Go one way back; return which boundaries agree (None: there is no such way), and words."""
    seen, stopped = list[str](), ""
    try:
        if not run(subject, watched, seen):
            return None, _no_way(subject)
    except RevcError as error:
        stopped = f", stopped by: {error}"
    agree = [float(a == b) for a, b in zip(wanted, seen, strict=False)]
    agree += [0.0] * abs(len(wanted) - len(seen))
    if stopped and 0.0 not in agree:
        agree.append(0.0)
    if 0.0 not in agree:
        return agree, f"{len(agree)} boundaries met again"
    first = agree.index(0.0)
    where = at[first] if first < len(at) else "the start"
    return agree, f"differs first before {where}{stopped}"


def _no_way(subject: Subject) -> str:
    forgets = subject.model.interface.forgets
    return f"none, the model forgets {forgets}" if forgets else "nothing to differentiate"


def _inverse(subject: Subject, watched: Watched, seen: list[str]) -> bool:
    if subject.model.interface.forgets:
        return False
    observer = subject.hashing(watched, subject.places_back(), seen)
    with observing(observer):
        subject.model.inverse(watched.out)
    return True


def _backward(subject: Subject, watched: Watched, seen: list[str]) -> bool:
    loss = loss_of(watched.out)
    if loss is None:
        return False
    observer = subject.hashing(watched, subject.places()[::-1], seen)
    # In this thread, where the observer is, whatever device the model is on.
    with observing(observer), torch.autograd.set_multithreading_enabled(False):
        torch.autograd.grad(loss, leaves_of(subject), allow_unused=True, retain_graph=True)
    return True


def _after_steps(subject: Subject, watched: Watched, seen: list[str]) -> bool:
    params = [param for param in subject.model.parameters() if param.requires_grad]
    loss = loss_of(watched.out)
    if loss is None or not params or not subject.steps:
        return False
    before = [param.detach().clone() for param in params]
    try:
        _take_steps(subject, params, loss)
    finally:
        with torch.no_grad():
            for param, old in zip(params, before, strict=True):
                param.copy_(old)
    return _inverse(subject, watched, seen)


def _take_steps(subject: Subject, params: list[Any], loss: Tensor) -> None:
    """Step along the gradients of the watched run; with more steps, of runs of their own."""
    optimiser = torch.optim.SGD(params, lr=RATE)
    kept = [param.grad for param in params]
    for step in range(subject.steps):
        here: Tensor | None = loss if step == 0 else loss_of(subject.model(**subject.inputs))
        assert here is not None
        found = torch.autograd.grad(here, params, allow_unused=True, retain_graph=step == 0)
        for param, gradient in zip(params, found, strict=True):
            param.grad = gradient
        optimiser.step()
    for param, gradient in zip(params, kept, strict=True):
        param.grad = gradient


def loss_of(out: Any) -> Tensor | None:
    """Return a number that depends on all results and code lengths, None without gradients."""
    values = [v.float().square().mean() for v in out if v.is_floating_point() and v.requires_grad]
    if out.run.lengths is not None and out.run.lengths.requires_grad:
        values.append(out.run.lengths.mean() * 1e-3)
    return torch.stack([value.double() for value in values]).sum() if values else None


def leaves_of(subject: Subject) -> list[Tensor]:
    """Return what gradients reach: inputs that want them, and parameters."""
    leaves = [x for x in subject.inputs.values() if x.requires_grad]
    return [*leaves, *(p for p in subject.model.parameters() if p.requires_grad)]
