"""In how many pieces nets run: along the batch, and along the sequence."""

from typing import Any, NamedTuple

from revc.errors import BindError


class Chunks(NamedTuple):
    """Pieces along axis 0 of values, the batch, and of each of these along axis 1, the sequence.

    A net that is separable along the batch alone runs in `batch` pieces, one that is separable
    along both in ``batch * sequence``. Written ``4`` or ``4x2``.
    """

    batch: int = 1
    sequence: int = 1

    @property
    def pieces(self) -> int:
        """The pieces of what is separable along both."""
        return self.batch * self.sequence

    def __str__(self) -> str:
        return f"{self.batch}" if self.sequence == 1 else f"{self.batch}x{self.sequence}"


WHOLE = Chunks()


def chunks_of(wish: Any) -> Chunks:
    """Return the pieces that are asked for: a number along the batch, or a pair.

    Raises:
        BindError: it is neither, or less than one.
    """
    pair = wish if isinstance(wish, tuple | list) else (wish,)
    whole = all(isinstance(count, int) and not isinstance(count, bool) for count in pair)
    if not whole or len(pair) not in (1, 2):
        raise BindError(
            f"chunks = {wish!r}: want pieces along the batch, 4, or along batch and sequence, "
            "(4, 2)"
        )
    if min(pair) < 1:
        raise BindError(f"chunks = {wish}: there must be at least one")
    return Chunks(*pair)
