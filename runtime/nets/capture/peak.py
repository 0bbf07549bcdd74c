"""The most bytes that a graph holds at once."""

from collections.abc import Iterable, Sequence

from torch.fx import Node

from revc.runtime.nets.capture.memory import storages
from revc.runtime.nets.capture.reuse import Reuse


def peak(
    order: Sequence[Node],
    ends: Sequence[Node],
    given: Sequence[Node],
    kept: Iterable[Node] = (),
) -> int:
    """Return the most bytes that calls in an order hold at once.

    `ends` is what the graph returns; of `kept`, which it takes, each storage goes with its last
    use. What lies in the memory of `given` belongs to the caller and does not count.
    """
    reuse = Reuse(order, ends, given)
    last = {key: index for key, index in reuse.last.items() if reuse.home(key) == key}
    dying: dict[float, list[int]] = {}
    for key, index in last.items():
        dying.setdefault(index, []).append(key)
    taken = {key for node in given for key, _ in storages(node)}
    made = ({key for node in kept for key, _ in storages(node)} & last.keys()) - taken
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
