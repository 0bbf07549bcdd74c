"""The names of a function's variables: one is taken as long as a node has it."""

import keyword
import re
from collections import Counter
from collections.abc import Collection, Iterable

from torch.fx import Node


class Names(dict[Node, str]):
    """The name of each node that has one; none takes a name that is `reserved`.

    Names are given by `give` and taken back by `free` alone.
    """

    def __init__(self, reserved: Collection[str]) -> None:
        super().__init__()
        self._reserved, self._taken = reserved, Counter[str]()

    def fresh(self, wish: str) -> str:
        """Return a legal name like `wish` that nothing else has at this point."""
        name = base = _legal(wish)
        count = 0
        while name in self._taken or name in self._reserved:
            count += 1
            name = f"{base}_{count}"
        return name

    def hold(self, wish: str) -> str:
        """Take a fresh name for good; return it."""
        name = self.fresh(wish)
        self._taken[name] += 1
        return name

    def give(self, node: Node, wish: str) -> str:
        """Give a node a fresh name; return it."""
        return self.share([node], self.fresh(wish))

    def share(self, nodes: Iterable[Node], name: str) -> str:
        """Give nodes one name, which must be fresh; return it."""
        for node in nodes:
            self[node] = name
            self._taken[name] += 1
        return name

    def free(self, node: Node) -> str:
        """Take a node's name back; return it."""
        name = self.pop(node)
        self._taken[name] -= 1
        if not self._taken[name]:
            del self._taken[name]
        return name


def _legal(wish: str) -> str:
    base = wish if wish.isidentifier() else re.sub(r"\W", "_", wish)
    if not base or base[0].isdigit() or keyword.iskeyword(base):
        base = f"_{base}"
    return base
