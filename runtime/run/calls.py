"""The segments of a run as they were executed, and how often a tensor of a net was among them."""

from collections import Counter
from typing import TYPE_CHECKING

from torch import Tensor

from revc.runtime.run.bound import flat

if TYPE_CHECKING:
    from revc.runtime.run.segment import Call


class Calls(dict[int, "Call"]):
    """Calls by position."""

    def __init__(self) -> None:
        super().__init__()
        self._uses: Counter[int] = Counter()

    def note(self, position: int, call: "Call") -> None:
        """Note a call, whose tensors live as long as this."""
        if position not in self:
            self._uses.update(map(id, flat(call.bounds)))
        self[position] = call

    def is_alone(self, tensor: Tensor) -> bool:
        """Say whether one call used a tensor, once."""
        return self._uses[id(tensor)] == 1
