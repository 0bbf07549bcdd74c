"""Inputs for which a value is not 0: what shows that a `free` claims something wrong."""

import itertools
from collections.abc import Iterator, Mapping, Sequence

from revc.passes.analysis.closed_form import BINARY, UNARY
from revc.passes.analysis.symbolic import Value

TRIALS = (0.0, 1.0, -1.0, 0.5)
MOST_INPUTS = 4
MOST_NODES = 1000  # of a value that is tried: each trial works all of them out


def witness(off: Value) -> str | None:
    """Return small inputs for which a difference is not 0, as text, or None if none is found.

    None too where it depends on a net, a part or a move, whose values are not known.
    """
    nodes = _ordered(off)
    if nodes is None or not all(map(_is_known, nodes)):
        return None
    names = sorted({str(node.data) for node in nodes if node.kind == "in"})
    if len(names) > MOST_INPUTS:
        return None
    for values in _trials(names):
        try:
            result = _worked_out(nodes, values)
        except (ArithmeticError, ValueError):
            continue
        if abs(result) > 1e-3:
            return ", ".join(f"{name} = {number:g}" for name, number in values.items()) or "any"
    return None


def _trials(names: Sequence[str]) -> Iterator[Mapping[str, float]]:
    for numbers in itertools.product(TRIALS, repeat=len(names)):
        yield dict(zip(names, numbers, strict=True))


def _ordered(off: Value) -> list[Value] | None:
    """Return what a value is made of, itself last, each node once; None if that is too much."""
    found: dict[int, Value] = {}
    path = [(off, iter(off.args))]
    while path:
        node, rest = path[-1]
        inner = next((arg for arg in rest if arg.digest not in found), None)
        if inner is not None:
            path.append((inner, iter(inner.args)))
            continue
        path.pop()
        found[node.digest] = node
        if len(found) + len(path) > MOST_NODES:
            return None
    return list(found.values())


def _is_known(node: Value) -> bool:
    match node.kind:
        case "number":
            return isinstance(node.data, float)
        case "read":
            return node.data == ()
    return node.kind in ("in", "sum") or node.kind in UNARY or node.kind in BINARY


def _worked_out(nodes: Sequence[Value], inputs: Mapping[str, float]) -> float:
    """Return the last of some values.

    Raises:
        ArithmeticError, ValueError: one of them has no value (a logarithm of a negative number).
    """
    known: dict[int, float] = {}
    for node in nodes:
        known[node.digest] = _number(node, [known[arg.digest] for arg in node.args], inputs)
    return known[nodes[-1].digest]


def _number(node: Value, args: list[float], inputs: Mapping[str, float]) -> float:
    match node.kind:
        case "in":
            return inputs[str(node.data)]
        case "number":
            assert isinstance(node.data, float)
            return node.data
        case "read":
            return args[0]
        case "sum":
            assert isinstance(node.data, int | None)
            return args[0] + (node.data or 0) * args[1] if args else 0.0
    return UNARY[node.kind](args[0]) if node.kind in UNARY else BINARY[node.kind](*args)
