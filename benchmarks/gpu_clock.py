"""Measures within a budget of time; what fails or does not fit is a row that says so."""

import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

from benchmarks.rows import Row
from benchmarks.worker import MeasurementError, measure
from revc.errors import InternalError, RevcError

try:
    from triton.errors import TritonError  # type: ignore[import-untyped,import-not-found,unused-ignore]
except ImportError:
    TritonError = RuntimeError

FAILURES = (
    RevcError, InternalError, TritonError, RuntimeError, ArithmeticError, LookupError, TypeError,
    ValueError, AttributeError, ImportError, OSError, AssertionError, TimeoutError,
)  # fmt: skip
"""What ends one figure and not the others; their tracebacks go to stderr."""


@dataclass
class Clock:
    """Lets figures start only while the budget lasts, and stops one that takes too long."""

    budget: float
    limit: float = 60.0
    start: float = field(default_factory=time.perf_counter)

    @property
    def left(self) -> float:
        """Seconds of the budget."""
        return self.budget - (time.perf_counter() - self.start)

    def attempt(self, call: Callable[[], Any]) -> Any:
        """Return what `call` gives.

        Raises:
            MeasurementError: it failed, took more than the limit, or nothing is left.
        """
        if self.left < 1:
            raise MeasurementError("left out: the time budget is spent")
        try:
            with _stopped_after(min(self.limit, self.left)):
                return call()
        except FAILURES as error:
            traceback.print_exc(file=sys.stderr)
            text = " ".join(str(error).split())
            raise MeasurementError(f"{type(error).__name__}: {text[:300]}") from error

    def run(self, function: Callable[..., Any], **arguments: Any) -> Any:
        """Call a meter in this process."""
        return self.attempt(lambda: function(**arguments))

    def apart(self, function: Callable[..., Any], **arguments: Any) -> Any:
        """Call a meter in a process of its own, as several at a time have to be."""
        return measure(function, timeout=max(1.0, self.left), **arguments)

    def row(
        self, name: str, unit: str, call: Callable[[], float], target: float | None = None
    ) -> Row:
        """Return a figure's row, with the reason in place of one that could not be measured."""
        try:
            return Row(name, self.attempt(call), unit, target)
        except MeasurementError as error:
            return Row(name, None, unit, target, note=str(error))

    def rows(self, name: str, call: Callable[[], Iterable[Row]]) -> Iterator[Row]:
        """Return the rows of one measurement, or one that says why there are none."""
        try:
            yield from self.attempt(lambda: list(call()))
        except MeasurementError as error:
            yield Row(name, None, "", note=str(error))


@contextmanager
def _stopped_after(seconds: float) -> Iterator[None]:
    """Raise TimeoutError in the main thread once so much time is over."""

    def stop(_signal: int, _frame: FrameType | None) -> None:
        raise TimeoutError(f"took more than {seconds:.0f} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
