"""The values that a run keeps between a block's forward graph and its VJP graph.

Both graphs emit the same evaluations, so a value has the same key in both: the statement, its
piece, the net and the value's name in it, and how many such came before it in the same
evaluation. The forward graph hands what it computed over in the order of keys; in the VJP graph
that stands for the value, and what nothing else needs any more is dead code. Each block has one
frame, which it puts as it ends, behind those of its callees, and takes as its way back begins.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager

from torch.fx import Node

from revc.codegen.options import Value
from revc.ir.expr import slots
from revc.ir.instructions import Emit, Instruction
from revc.ir.memo import per_node
from revc.ir.net_kinds import values_of
from revc.ir.program import Block

Within = tuple[int, str, int]
"""A value within an evaluation: its slot, its name, and how many such came before it."""

Key = tuple[int, int, int, str, int]
"""A value of a block: the statement, its piece, and the value within that."""

Evaluation = Callable[[int, str, Node], Node]


@per_node
def offered(block: Block) -> tuple[Value, ...]:
    """Return the values that can be kept of a block and its callees, by slot.

    Those of emits cannot: who is handed what is emitted may change it.
    """
    found: set[Value] = set()
    for step in block.body:
        if not isinstance(step, Emit):
            own = (slot for value in step.values() for slot in slots(value))
            found.update((slot, name) for slot in own for name in values_of(block.nets[slot]))
        for inner in step.inner():
            rows = step.rows()
            found.update((row[slot], name) for row in rows for slot, name in offered(inner))
    return tuple(sorted(found, key=lambda v: (v[0], values_of(block.nets[v[0]]).index(v[1]))))


class Holds:
    """The values that are kept of a block under construction, `nodes`, by key.

    Once they are `taken`, they stand for what is computed; before that they are what is.
    """

    def __init__(self, block: Block, keep: frozenset[Value]) -> None:
        self._block, self._keep = block, keep
        self.nodes: dict[Key, Node] = {}
        self.taken = False
        self._at, self._piece = 0, 0

    def order(self) -> tuple[Key, ...]:
        """Return the keys of what is kept, in order."""
        return tuple(sorted(self.nodes))

    @contextmanager
    def at(self, index: int) -> Iterator[None]:
        """Stand at a statement of the block."""
        before = self._at, self._piece
        self._at, self._piece = index, 0
        yield
        self._at, self._piece = before

    def of(self, step: Instruction) -> AbstractContextManager[None]:
        """Stand at a statement that another needs first."""
        return self.at(next(i for i, one in enumerate(self._block.body) if one is step))

    def within(self, values: Iterable[Within], of_piece: bool) -> list[Key]:
        """Return the keys of what is kept of one evaluation, of `values` that it has, in order.

        `of_piece` says that it is of the next piece.
        """
        at, piece = self._at, self._piece
        self._piece += of_piece
        if not self._keep or isinstance(self._block.body[at], Emit):
            return []
        keys = [(at, piece, *one) for one in values if one[:2] in self._keep]
        return [key for key in keys if not self.taken or key in self.nodes]

    def evaluation(self, of_piece: bool) -> Evaluation:
        """Return what gives what stands for a value, for one evaluation of an expression.

        `of_piece` says that it is of the next piece.
        """
        at, piece, seen = self._at, self._piece, Counter[Value]()
        self._piece += of_piece
        emits = bool(self._keep) and isinstance(self._block.body[at], Emit)

        def hold(slot: int, name: str, node: Node) -> Node:
            if emits or (slot, name) not in self._keep:
                return node
            key = (at, piece, slot, name, seen[slot, name])
            seen[slot, name] += 1
            if not self.taken:
                self.nodes[key] = node
                return node
            held = self.nodes.get(key)
            if held is None:  # one that the way back alone computes
                return node
            held.meta["dtype"] = node.meta.get("dtype")
            held.meta.setdefault("hint", name)
            return held

        return hold


def noting(values: dict[Within, Node]) -> Evaluation:
    """Return what notes the values of an evaluation as they are computed."""
    seen = Counter[Value]()

    def hold(slot: int, name: str, node: Node) -> Node:
        values[slot, name, seen[slot, name]] = node
        seen[slot, name] += 1
        return node

    return hold
