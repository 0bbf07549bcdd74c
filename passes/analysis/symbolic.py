"""Symbolic values of registers: sums of terms, exact under wrap-around addition.

A value is a node: an input, a number, the value of an expression, what a statement made of other
values, or a sum of whole multiples of such. Each node has a digest, and that of a sum is the same
sum of its terms' digests; so equal sums have equal digests in whatever order they came about, and
making and comparing values costs the same however much went into them. Digests have 256 bits.
"""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from hashlib import blake2b

from revc.ir.expr import Elementwise, Expr, NetCall, Number, Place, Read, Slice

_MODULUS = 1 << 256
_COMMUTE = ("add", "mul")  # bit for bit, in floating point too


@dataclass(frozen=True, eq=False, slots=True)
class Value:
    """A value: `kind` says what made it of `args`, `data` what else went into it.

    `uniform` says that it is one number in every element, whatever the inputs.
    """

    digest: int
    kind: str
    args: "tuple[Value, ...]" = ()
    data: Hashable = None
    uniform: bool = False

    @property
    def is_zero(self) -> bool:
        """Whether it is the empty sum."""
        return not self.digest


ZERO = Value(0, "sum", uniform=True)


class Values:
    """The values of one block: equal ones are one node."""

    def __init__(self) -> None:
        self._known: dict[int, Value] = {0: ZERO}

    def __len__(self) -> int:
        """Return how many different values there are so far."""
        return len(self._known)

    def make(
        self, kind: str, args: tuple[Value, ...] = (), data: Hashable = None, uniform: bool = False
    ) -> Value:
        """Return the value that `kind` makes of others; `data` has a `repr` that tells it apart."""
        seen = repr((kind, tuple(arg.digest for arg in args), data)).encode()
        digest = int.from_bytes(blake2b(seen, digest_size=32).digest(), "big") or 1
        return self._known.setdefault(digest, Value(digest, kind, args, data, uniform))

    def add(self, one: Value, two: Value, times: int = 1) -> Value:
        """Return ``one + times * two``."""
        digest = (one.digest + times * two.digest) % _MODULUS
        uniform = one.uniform and two.uniform
        return self._known.setdefault(digest, Value(digest, "sum", (one, two), times, uniform))

    def of_expr(self, expr: Expr, held: Mapping[str, Value]) -> Value:
        """Return the value of an expression, where registers hold `held`; 0 is the empty sum.

        A read is a value of its own, not the sum that is read: a float cannot hold every lattice
        value, so reading rounds.
        """
        match expr:
            case Number():
                if expr.value == 0.0:
                    return ZERO
                return self.make("number", (), expr.value, uniform=True)
            case Read():
                return self.make("read", (self.at(expr.place, held),), place_key(expr.place))
            case Elementwise():
                return self._function(expr, tuple(self._arg(arg, held) for arg in expr.args))
            case NetCall():
                return self.make("net", tuple(self._arg(arg, held) for arg in expr.args), expr.slot)
        raise TypeError(type(expr))

    def _arg(self, expr: Expr, held: Mapping[str, Value]) -> Value:
        """Return the value of an argument; 0 is a number like any other there."""
        if isinstance(expr, Number):
            return self.make("number", (), expr.value, uniform=True)
        return self.of_expr(expr, held)

    def _function(self, expr: Elementwise, args: tuple[Value, ...]) -> Value:
        if expr.function in _COMMUTE:
            args = tuple(sorted(args, key=lambda arg: arg.digest))
        return self.make(expr.function, args, None, all(arg.uniform for arg in args))

    def at(self, place: Place, held: Mapping[str, Value]) -> Value:
        """Return what the register that a place is in holds."""
        return held.get(place.name) or self.make("in", (), place.name)

    def mapped(
        self, key: Hashable, inverse: Hashable, values: tuple[Value, ...], count: int
    ) -> tuple[Value, ...]:
        """Return the `count` values that a bijection makes of `values`.

        Args:
            key, inverse: what tells the bijection, and its inverse, from every other.
            values: what it is given; what its inverse made of others becomes those again.
            count: how many values it makes.
        """
        if values and all(value.kind == "out" for value in values):
            parts = [value.data for value in values]
            keys = {part[:2] for part in parts if isinstance(part, tuple)}
            order = [part[2] for part in parts if isinstance(part, tuple)]
            sources = values[0].args
            same = all(value.args is sources or value.args == sources for value in values)
            whole = order == list(range(len(values))) and len(sources) == count
            made = next(iter(keys)) if len(keys) == 1 else (None, None)
            if same and whole and (made[0] == inverse or made[1] == key) and _all(parts, values):
                return sources
        return tuple(self.make("out", values, (key, inverse, k, count)) for k in range(count))


def _all(parts: list[Hashable], values: tuple[Value, ...]) -> bool:
    """Say whether `values` are all that was made beside the first of them."""
    first = parts[0]
    return isinstance(first, tuple) and first[3] == len(values)


def place_key(place: Place) -> Hashable:
    """Return what tells the slice that a place is from others of its register."""
    return tuple(
        (str(item.lo), str(item.hi)) if isinstance(item, Slice) else str(item.position)
        for item in place.index
    )
