"""Structural keys: equal keys are equal nodes, wherever in a file they stand.

A key is a digest of the node's kind and fields, in which the digests of the nodes in it stand for
them. So each node is read once, however often it is shared, and a key costs the same to compare and
to hash whatever is below it. Numbers that compare equal and print otherwise (1, 1.0, True; 0.0 and
-0.0) have different keys, as they make different code.
"""

from collections.abc import Callable
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from revc.errors import InternalError
from revc.ir.dims import Dim
from revc.ir.memo import per_node
from revc.ir.types import IRNode

if TYPE_CHECKING:
    from revc.ir.program import Block

Key = bytes


@per_node
def key(node: IRNode) -> Key:
    """Return the key of a node: of all its fields but places in files.

    Raises:
        InternalError: a field holds what no node of the intermediate form may hold.
    """
    return digest(node, ())


@per_node
def nameless(node: IRNode) -> Key:
    """Return the key of a node without its own name; those below it count."""
    return digest(node, ("name",))


@per_node
def code_key(block: "Block") -> Key:
    """Return what a block's code depends on: all of it but its name and those of its slots."""
    return digest(block, ("name", "nets"), *(nameless(slot) for slot in block.nets))


def digest(
    node: IRNode,
    without: tuple[str, ...],
    *more: object,
    of: Callable[[IRNode], Key] | None = None,
) -> Key:
    """Return a key of a node's kind, its fields but some, and of `more` plain data.

    Nodes in it are told apart by `of`, which is `key` unless it is given.
    """
    kind, values, inner = type(node).__name__, node.__dict__, of or key
    names = [name for name in node.contents if name not in without]
    fields = tuple([_plain(values[name], inner) for name in names])
    return blake2b(repr((kind, fields, more)).encode(), digest_size=20).digest()


_ATOMS = frozenset((type(None), bool, int, float, str))


def _plain(value: Any, of: Callable[[IRNode], Key]) -> Any:
    """Return a field's value as data whose `repr` tells it from every other."""
    kind = type(value)  # asking a model class whether it has an instance takes its time
    if kind in _ATOMS:
        return value
    if kind is tuple:
        return tuple([_plain(item, of) for item in value])
    if kind is Dim:
        return "dim", tuple([(names, f.numerator, f.denominator) for names, f in value.terms])
    if kind is dict:
        return "dict", tuple((name, _plain(item, of)) for name, item in sorted(value.items()))
    if issubclass(kind, IRNode):
        return of(value)
    raise InternalError(f"a node of the intermediate form holds {value!r}")
