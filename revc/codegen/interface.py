"""The interface of a block's graphs: which values go in and come out, in which order.

Forward:  state.., givens.., nets.., sizes.., turns.., dtype, low, device, health
          -> state.., emits.., health
VJP:      state.., cotangents.., givens.., given cotangents.., emit cotangents.., nets.., sizes..,
          turns.., dtype, low, device, health
          -> state.., cotangents.., given cotangents.., net cotangents.., health

A block that exchanges bits also takes, behind the device, the token of the session, the code
lengths, which it adds to (in a VJP: their cotangents, None if nothing wants them), and the table of
the program's sites, in which its statements have numbers. One that forgets takes, in front of the
health, what the run keeps of it (`revc.runtime.forgetting.Forgotten`); one of which values are kept
takes behind that where they are put (`revc.runtime.keeping.Values`).
"""

import keyword
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from torch.fx import Graph, Node

from revc.ir.dims import Dim
from revc.ir.expr import At, Number, Place, Read, Slice, walk
from revc.ir.instructions import Alloc, BlockCall, Emit, Forget, Free, Instruction, Repeat, Reshape
from revc.ir.instructions.metered import Coded
from revc.ir.memo import per_node
from revc.ir.program import Block


def tail_names(metered: bool, forgets: bool, keeps: bool) -> tuple[str, ...]:
    """Return the names of what a graph takes last."""
    bits = ("bits", "lengths", "sites") if metered else ()
    kept = (*(("forgotten",) if forgets else ()), *(("kept",) if keeps else ()))
    return ("dtype", "low", "device", *bits, *kept, "health")


@per_node
def emits_of(block: Block) -> tuple[str, ...]:
    """Return the names that a block emits, its callees' included, in program order."""
    names: list[str] = []
    for step in block.body:
        if isinstance(step, Emit):
            names.append(step.name)
        elif isinstance(step, BlockCall):
            names += called_emits(step)
        elif isinstance(step, Repeat):
            names += emits_of(step.body)
    return tuple(names)


def called_emits(step: BlockCall) -> tuple[str, ...]:
    """Return what a call emits, in the order of its block, by the names of its caller."""
    return tuple(step.prefix + name for name in emits_of(step.block))


@per_node
def sizes_of(block: Block) -> tuple[str, ...]:
    """Return the free sizes that a block's code needs, sorted; turn indices are not among them."""
    found: set[str] = set()
    for step in block.body:
        found.update(*(dim.names for dim in _dims(step)), *map(sizes_of, step.inner()))
    return tuple(sorted(found.difference(block.turns)))


def free_sizes(block: Block) -> tuple[str, ...]:
    """Return the free sizes in a block's interface, sorted: what a whole program's graphs take."""
    registers = (*block.takes, *block.gives, *block.givens)
    return tuple(sorted({name for r in registers for dim in r.type.shape for name in dim.names}))


def _dims(step: Instruction) -> Iterable[Dim]:
    for place in (*step.targets(), *step.passed()):
        yield from _place_dims(place)
    for value in step.values():
        for node in walk(value):
            if isinstance(node, Read):
                yield from _place_dims(node.place)
            elif isinstance(node, Number) and isinstance(node.value, Dim):
                yield node.value
    if isinstance(step, Alloc | Free | Forget | Coded):
        yield from step.type.shape
    elif isinstance(step, Reshape):
        yield from (*step.before, *step.after)
    elif isinstance(step, Repeat) and step.share:
        yield step.count


def _place_dims(place: Place) -> Iterable[Dim]:
    for item in place.index:
        if isinstance(item, At):
            yield item.position
        elif isinstance(item, Slice):
            yield from (item.lo, *([item.hi] if item.hi is not None else []))


# What the code that fx makes of a graph uses itself.
_USED = {"self", "torch", "inf", "nan", "NoneType"}


@dataclass
class Names:
    """Makes placeholders with readable, unique, legal names."""

    graph: Graph
    taken: set[str] = field(default_factory=lambda: set(_USED))

    def placeholder(self, wish: str) -> Node:
        """Append a placeholder called like `wish`."""
        base = re.sub(r"\W", "_", wish)
        base = f"_{base}" if not base or base[0].isdigit() or keyword.iskeyword(base) else base
        name, count = base, 0
        while name in self.taken:
            count += 1
            name = f"{base}_{count}"
        self.taken.add(name)
        return self.graph.placeholder(name)

    def all(self, wishes: Iterable[str]) -> list[Node]:
        """Append a placeholder for each wish."""
        return [self.placeholder(wish) for wish in wishes]
