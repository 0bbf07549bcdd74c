"""The keys of a run where a compiler traces it: which call gets which is known as it is traced."""

import torch
from torch import Tensor

from revc.runtime.nets import key_ops

Calls = tuple[tuple[str, str], ...]
"""The calls of a run that draw, in order: the net, and the place in the code."""


class TracedKeys:
    """The keys that the forward pass of a run draws, by number.

    `seed` is what they hang on, int64 [1], None until a net draws.
    """

    def __init__(self, bits: str, ticket: Tensor | None, device: torch.device, run: int) -> None:
        self._run = bits, ticket, device, run
        self.seed: Tensor | None = None
        self._calls: list[tuple[str, str]] = []

    @property
    def calls(self) -> Calls:
        """The calls that drew."""
        return tuple(self._calls)

    def draw(self, net: str, place: str) -> Tensor:
        """Return the key of the next call, int64 [4]."""
        if self.seed is None:
            bits, ticket, device, run = self._run
            self.seed = key_ops.keys_of_run(bits, ticket, device, net, run)
        self._calls.append((net, place))
        return key_ops.key_number(self.seed, len(self._calls) - 1)


class KeysAgain:
    """The keys that the way back of a run draws again.

    A way back evaluates the calls of one net at one place in reverse.
    """

    def __init__(self, seed: Tensor | None, calls: Calls) -> None:
        self._seed, self._left = seed, [*enumerate(calls)]

    def draw(self, net: str, place: str) -> Tensor:
        """Return the key that the latest such call drew which was not evaluated again yet."""
        assert self._seed is not None
        at = len(self._left) - 1
        while self._left[at][1] != (net, place):
            at -= 1
        index, _ = self._left.pop(at)
        return key_ops.key_number(self._seed, index)
