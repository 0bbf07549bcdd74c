"""Values of nets that a run keeps for its way back, so that they are not computed again."""

from collections.abc import Sequence

from torch import Tensor


class Values:
    """The values that were kept of a segment in one pass of a run: a frame for each block in it.

    Forward graphs `put` frames, callees before callers; VJP graphs `take` them, from the last on. A
    way back that others may follow (`retain_graph`) reads copies: `reading`.
    """

    def __init__(self, frames: Sequence[tuple[Tensor, ...]] = (), copies: bool = False) -> None:
        self._frames, self._copies = list(frames), copies

    def put(self, frame: tuple[Tensor, ...]) -> None:
        """Keep values, whose memory nothing writes to any more."""
        self._frames.append(frame)

    def take(self) -> tuple[Tensor, ...]:
        """Return the last frame that was put, whose values may be written over."""
        frame = self._frames.pop()
        return tuple(value.clone() for value in frame) if self._copies else frame

    def reading(self) -> "Values":
        """Return what holds the same, and gives copies."""
        return Values(self._frames, copies=True)

    @property
    def counts(self) -> list[int]:
        """How many values each frame has."""
        return [len(frame) for frame in self._frames]

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        """What is kept."""
        return tuple(value for frame in self._frames for value in frame)


def put(kept: Values, *values: Tensor) -> None:
    """Keep the values of a block; see `Values.put`."""
    kept.put(values)


def take(kept: Values) -> tuple[Tensor, ...]:
    """Return the values of a block; see `Values.take`."""
    return kept.take()
