"""Activation memory: the allocator's own trace of what one run holds, over time and at its peak."""

import os
import warnings
from collections.abc import Callable, Container, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch._C._profiler import _EventType
from torch.profiler import ProfilerActivity, profile

Change = tuple[int, int, int]  # time in ns, address, bytes (negative when freed)
Held = tuple[int, int]  # time in ns, bytes


@dataclass(frozen=True)
class Trace:
    """Bytes held at each allocation and release, less what was held when the run began."""

    seconds: tuple[float, ...]
    held: tuple[int, ...]

    @property
    def peak(self) -> int:
        """The most bytes held at once."""
        return max(self.held, default=0)

    @property
    def kept(self) -> int:
        """The bytes still held at the end."""
        return self.held[-1] if self.held else 0


def trace(
    run: Callable[[], object], less: Callable[[], Iterable[torch.Tensor | None]] = tuple
) -> Trace:
    """Run once and return the trace of its allocations on the CPU.

    What existed before, parameters and inputs, is not in it, nor is its release. `less` is called
    after the run; the tensors it returns, such as gradients, are taken out from the moment they
    were allocated. They are told by their addresses, so a temporary that is added into a gradient
    still counts.
    """
    result, roots = _profiled(run)
    left_out = {t.untyped_storage().data_ptr() for t in less() if t is not None}
    changes = _own(sorted(_changes(roots)))
    del result
    return _accumulate(changes, _last_allocations(changes, left_out))


def marked_courses(run: Callable[[], object], mark: str) -> list[tuple[str, list[Held]]]:
    """Run once on the CPU and return the bytes that are held over time between marks, in order.

    A mark is a `record_function` whose name begins with `mark`; what is held before the first one
    stands under an empty name.
    """
    result, roots = _profiled(run)
    marks = [(time, 0, name) for time, name in _marks(roots, mark)]
    changes = [(time, size, "") for time, _, size in _own(sorted(_changes(roots)))]
    del result
    found: list[tuple[str, list[Held]]] = [("", [])]
    held = 0
    for time, size, name in sorted([*marks, *changes]):
        held += size
        if name:
            found.append((name, []))
        found[-1][1].append((time, held))
    return found


def marked_peaks(run: Callable[[], object], mark: str) -> list[tuple[str, int]]:
    """Run once on the CPU and return the most bytes held between marks, in order.

    Marks are as in `marked_courses`.
    """
    courses = marked_courses(run, mark)
    return [(name, max((held for _, held in course), default=0)) for name, course in courses]


def span_bytes(run: Callable[[], object], names: Container[str]) -> list[tuple[int, int]]:
    """Run once on the CPU and return, for each event with one of the names, what it holds.

    In order: the bytes more than before it that are held as it ends, and the most meanwhile. Of
    events within one another the outermost counts.
    """
    result, roots = _profiled(run)
    found = []
    for event in sorted(_named(roots, names), key=lambda one: one.start_time_ns):
        held = peak = 0
        for _, _, size in sorted(_changes([event])):
            held += size
            peak = max(peak, held)
        found.append((held, peak))
    del result
    return found


def _named(roots: Iterable[Any], names: Container[str]) -> Iterator[Any]:
    """Yield the events with one of the names that are within no other."""
    stack = list(roots)
    while stack:
        event = stack.pop()
        if event.name in names:
            yield event
        else:
            stack.extend(event.children)


def _marks(roots: Iterable[Any], mark: str) -> Iterator[tuple[int, str]]:
    """Yield the time and name of each mark."""
    stack = list(roots)
    while stack:
        event = stack.pop()
        if event.name.startswith(mark):
            yield event.start_time_ns, event.name
        stack.extend(event.children)


def _profiled(run: Callable[[], object]) -> tuple[object, list[Any]]:
    """Run once; return the result, and the roots of the events' tree.

    The public list of events has sizes but no addresses; the tree has both. The list is made when
    somebody asks for it, which takes longer than most runs, and with `acc_events` always.
    """
    # Read as the process first profiles: else the terminal is told of every start.
    os.environ.setdefault("KINETO_LOG_LEVEL", "6")
    with warnings.catch_warnings():
        # What torch 2.11 says of a profiler's only cycle too.
        warnings.filterwarnings("ignore", "Warning: Profiler clears events", UserWarning)
        with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
            result = run()
    roots: list[Any] = profiler.profiler.kineto_results.experimental_event_tree()
    return result, roots


def _changes(roots: Iterable[Any]) -> Iterator[Change]:
    """Yield each allocation and release; an explicit stack, since the tree is deep."""
    stack = list(roots)
    while stack:
        event = stack.pop()
        kind, fields = event.typed
        if kind == _EventType.Allocation and fields.device.type == "cpu":
            yield event.start_time_ns, fields.ptr, fields.alloc_size
        stack.extend(event.children)


def _own(changes: list[Change]) -> list[Change]:
    """Return the changes without releases of what was there before, as garbage of earlier runs is.

    The profiler tells of those whose allocation an earlier trace saw.
    """
    held: set[int] = set()
    found = []
    for change in changes:
        _, address, size = change
        if size > 0:
            held.add(address)
        elif address not in held:
            continue
        else:
            held.remove(address)
        found.append(change)
    return found


def _last_allocations(changes: list[Change], addresses: set[int]) -> set[int]:
    """Return the places in `changes` where the tensors now at `addresses` were allocated."""
    # An address is used again after a release, so the last allocation there is the tensor's.
    last = {address: i for i, (_, address, size) in enumerate(changes) if size > 0}
    return {last[address] for address in addresses if address in last}


def _accumulate(changes: list[Change], skipped: set[int]) -> Trace:
    start = changes[0][0] if changes else 0
    seconds: list[float] = []
    held: list[int] = []
    total = 0
    for i, (time, _, size) in enumerate(changes):
        total += 0 if i in skipped else size
        seconds.append((time - start) / 1e9)
        held.append(total)
    return Trace(tuple(seconds), tuple(held))
