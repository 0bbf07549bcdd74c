"""Faults in the data: raised at once, or collected on the device and raised when asked for.

Looking at the result of a check stops the host until the device has caught up. ``check="now"``
does so, and nothing has moved when the error comes. ``check="later"`` adds the finding to a flag
on the device and codes something valid in place of the bad symbol; ``verify`` raises it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from revc.errors import RevcError
from revc.runtime.bits.errors import ParameterError, ScaleOverflowError, SymbolError

CheckPolicy = Literal["now", "later"]


class Fault(NamedTuple):
    """What may be wrong, and the flag on the device that says whether it is, bool []."""

    kind: type[RevcError]
    message: str
    bad: Tensor


_MANY = 256
"""Flags that are kept until those that say the same become one."""


class Faults:
    """What was found wrong with the data given to one stack."""

    def __init__(self, check: CheckPolicy) -> None:
        self.check = check
        self.found: list[Fault] = []

    def report(self, kind: type[RevcError], bad: Tensor, message: str) -> None:
        """Raise ``kind`` if the bool tensor ``bad`` [] holds, or note it for ``verify``.

        Raises:
            RevcError: of ``kind``, where faults are raised at once.
        """
        if self.check == "now":
            if bool(bad):
                raise kind(message)
            return
        self.found.append(Fault(kind, message, bad))
        if len(self.found) > _MANY:
            self.fold()

    def fold(self) -> None:
        """Make one flag of those that say the same; as they come, that would be a launch each."""
        same: dict[tuple[type[RevcError], str], list[Tensor]] = {}
        for fault in self.found:
            same.setdefault((fault.kind, fault.message), []).append(fault.bad)
        self.found = [
            Fault(kind, message, torch.stack(flags).any())
            for (kind, message), flags in same.items()
        ]

    def symbol(self, bad: Tensor, message: str) -> None:
        """Report symbols that cannot be coded, as a SymbolError."""
        self.report(SymbolError, bad, message)

    def parameter(self, bad: Tensor, message: str) -> None:
        """Report parameters that are not usable, as a ParameterError."""
        self.report(ParameterError, bad, message)

    def overflow(self, bad: Tensor, message: str) -> None:
        """Report an exact scaling that leaves int32, as a ScaleOverflowError."""
        self.report(ScaleOverflowError, bad, message)

    def verify(self) -> None:
        """Raise the first fault found so far; waits for the device.

        Raises:
            RevcError: of the kind that was reported.
        """
        flags, judge = self.take()
        if flags.numel():
            judge(flags.tolist())

    def take(self) -> tuple[Tensor, Callable[[Sequence[float]], None]]:
        """Forget what was found so far; return it as bool [faults], and what judges its values."""
        noted, self.found = self.found, []
        texts = [(fault.kind, fault.message) for fault in noted]
        none = torch.zeros(0, dtype=torch.bool, device="cpu")
        flags = torch.stack([fault.bad for fault in noted]) if noted else none

        def judge(values: Sequence[float]) -> None:
            for (kind, message), bad in zip(texts, values, strict=True):
                if bad:
                    raise kind(message)

        return flags, judge
