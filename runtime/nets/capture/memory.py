"""What the values of a traced graph occupy: which storages they lie in, and who writes to them."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.fx import Node
from torch.utils import _pytree as pytree
from torch.utils.flop_counter import flop_registry

from revc.runtime.open_sizes import hint


def tensors(node: Node) -> list[Tensor]:
    """Return the fake tensors that a node stands for."""
    return [
        value for value in pytree.tree_leaves(node.meta.get("val")) if isinstance(value, Tensor)
    ]


def storages(node: Node) -> Iterator[tuple[int, int]]:
    """Yield the storages that a node's tensors lie in, by number, and their bytes."""
    for value in tensors(node):
        storage = value.untyped_storage()
        yield storage._cdata, hint(storage.nbytes())


def writes(node: Node) -> list[Node]:
    """Return the nodes whose tensors a call changes."""
    if not isinstance(node.target, torch._ops.OpOverload) or not node.target._schema.is_mutable:
        return []
    changed = []
    for index, argument in enumerate(node.target._schema.arguments):
        if argument.is_write:
            given = node.args[index] if index < len(node.args) else node.kwargs.get(argument.name)
            changed += [one for one in pytree.tree_leaves(given) if isinstance(one, Node)]
    return changed


def written_by(node: Node) -> set[int]:
    """Return the storages that a call changes."""
    return {key for one in writes(node) for key, _ in storages(one)}


def is_kernel(node: Node) -> bool:
    """Say whether compilers run a call as a kernel of its own, which reads operands from memory.

    Those are what is counted in operations: products, convolutions and attention.
    """
    packet = getattr(node.target, "overloadpacket", None)
    return packet in flop_registry or "attention" in str(packet)


_RATES = ("dropout_p", "dropout_probability")
_TRAINS = ("train", "training")


def is_random(node: Node) -> bool:
    """Say whether a call draws from torch's generators.

    Attention that drops nothing does not, nor does what draws while training alone.
    """
    target: Any = node.target
    if not isinstance(target, torch._ops.OpOverload):
        return False
    if torch.Tag.nondeterministic_seeded not in target.tags:
        return False
    for index, argument in enumerate(target._schema.arguments):
        default = node.kwargs.get(argument.name, argument.default_value)
        given = node.args[index] if index < len(node.args) else default
        if argument.name in _RATES:
            return bool(given != 0.0)
        if argument.name in _TRAINS and given is False:
            return False
    return True


class Order:
    """What must come before what: operands before what reads them, and writes in their place."""

    def __init__(self, nodes: Sequence[Node]) -> None:
        self.before: dict[Node, set[Node]] = {}
        inside = set(nodes)
        self.writers: dict[int, list[Node]] = {}
        for node in nodes:
            for key in written_by(node):
                self.writers.setdefault(key, []).append(node)
        last_write: dict[int, Node] = {}
        readers: dict[int, list[Node]] = {}
        for node in nodes:
            needed = {one for one in node.all_input_nodes if one in inside}
            changes = written_by(node)
            touched = {key for one in (node, *node.all_input_nodes) for key, _ in storages(one)}
            for key in touched & self.writers.keys():
                if key in last_write:
                    needed.add(last_write[key])
                if key in changes:
                    needed.update(readers.get(key, ()))
                    last_write[key] = node
                    readers[key] = []
                readers.setdefault(key, []).append(node)
            self.before[node] = needed - {node}

    def ancestors(self, wanted: Iterable[Node]) -> set[Node]:
        """Return what must run for some nodes, themselves among them.

        All that writes to the memory of one of them is, whoever reads it afterwards.
        """
        found: set[Node] = set()
        waiting = [node for node in wanted if node in self.before]
        while waiting:
            node = waiting.pop()
            if node not in found:
                found.add(node)
                waiting += self.before[node]
                for key, _ in storages(node):
                    waiting += self.writers.get(key, ())
        return found
