"""The most bytes that a graph holds at once."""

from collections.abc import Iterable, Sequence

from torch.fx import Node

from revc.runtime.nets.capture.memory import is_given, storages
from revc.runtime.nets.capture.reuse import Reuse


def peak(order: Sequence[Node], ends: Sequence[Node], given: Iterable[Node] = ()) -> int:
    """Return the most bytes that calls in an order hold at once.

    `ends` is what the graph returns; of `given`, what it takes, each storage goes with its last
    use. What else it takes does not count.
    """
    reuse = Reuse(order, ends)
    last = {key: index for key, index in reuse.last.items() if reuse.home(key) == key}
    dying: dict[float, list[int]] = {}
    for key, index in last.items():
        dying.setdefault(index, []).append(key)
    made = {key for node in given for key, _ in storages(node)} & last.keys()
    taken = {
        key for node in order for one in node.all_input_nodes if is_given(one)
        for key, _ in storages(one)
    } - made  # fmt: skip
    sizes = {key: size for node in order for one in (node, *node.all_input_nodes)
             for key, size in storages(one)}  # fmt: skip
    live = set(made)
    held = most = sum(sizes[key] for key in live)
    for index, node in enumerate(order):
        for key in {reuse.home(key) for key, _ in storages(node)} - live - taken:
            live.add(key)
            held += sizes[key]
        most = max(most, held)
        for key in live.intersection(dying.get(index, ())):
            live.discard(key)
            held -= sizes[key]
    return most
