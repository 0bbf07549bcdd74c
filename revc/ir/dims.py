"""Symbolic dims: polynomials in named sizes with rational coefficients, in one canonical form.

Two dims are equal exactly when their forms are, so shape checks with free sizes need no solver.
Forms are bounded: a result of too many digits, terms or factors is a `DimError`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache
from typing import Any

Monomial = tuple[str, ...]

MOST_BITS = 1023  # of a coefficient's numerator and denominator: what a float64 still holds
MOST_TERMS = 200
MOST_FACTORS = 64


class DimError(ArithmeticError):
    """A dim that is too large to reckon with, as one that was squared again and again."""


@dataclass(frozen=True, slots=True)
class Dim:
    """A size: `terms` maps sorted monomials to non-zero coefficients; ``()`` is the constant's."""

    terms: tuple[tuple[Monomial, Fraction], ...] = ()
    _hash: int | None = field(default=None, init=False, repr=False, compare=False)

    def __hash__(self) -> int:
        if self._hash is None:  # fractions take long to hash, and keys are full of dims
            object.__setattr__(self, "_hash", hash(self.terms))
        assert self._hash is not None
        return self._hash

    def __reduce__(self) -> tuple[type["Dim"], tuple[object, ...]]:
        return Dim, (self.terms,)  # without the hash, which another process has not

    @staticmethod
    def of(value: "int | Fraction | str | Dim") -> "Dim":
        """Return a constant dim, the dim of one name, or the dim itself."""
        return value if isinstance(value, Dim) else _made(value)

    @property
    def constant(self) -> Fraction | None:
        """The value when no name is left in it, else None."""
        if not self.terms:
            return Fraction(0)
        if len(self.terms) == 1 and self.terms[0][0] == ():
            return self.terms[0][1]
        return None

    @property
    def integer(self) -> int | None:
        """The value as an int when it is a whole constant, else None."""
        value = self.constant
        return int(value) if value is not None and value.denominator == 1 else None

    @property
    def names(self) -> frozenset[str]:
        """The names that the value depends on."""
        return frozenset(name for monomial, _ in self.terms for name in monomial)

    def __add__(self, other: "Dim | int") -> "Dim":
        total = dict(self.terms)
        for monomial, factor in Dim.of(other).terms:
            total[monomial] = total.get(monomial, Fraction(0)) + factor
        return _collect(total)

    def __neg__(self) -> "Dim":
        return Dim(tuple((m, -f) for m, f in self.terms))

    def __sub__(self, other: "Dim | int") -> "Dim":
        return self + (-Dim.of(other))

    def __mul__(self, other: "Dim | int") -> "Dim":
        total: dict[Monomial, Fraction] = {}
        for m1, f1 in self.terms:
            for m2, f2 in Dim.of(other).terms:
                monomial = tuple(sorted(m1 + m2))
                total[monomial] = total.get(monomial, Fraction(0)) + f1 * f2
        return _collect(total)

    def __truediv__(self, other: "Dim | int") -> "Dim":
        """Divide by a single term.

        Raises:
            ZeroDivisionError: `other` is 0.
            ValueError: `other` has several terms, or a name that does not cancel.
        """
        divisor = Dim.of(other)
        if not divisor.terms:
            raise ZeroDivisionError("division of a dim by 0")
        if len(divisor.terms) > 1:
            raise ValueError(f"cannot divide {self} by {divisor}")
        (below, factor), *_ = divisor.terms
        return _collect({_cancel(m, below): f / factor for m, f in self.terms})

    def substitute(self, values: Mapping[str, "Dim | int"]) -> "Dim":
        """Return the dim with the names in `values` replaced."""
        if not self.names & values.keys():
            return self
        total = Dim()
        for monomial, factor in self.terms:
            product = Dim.of(factor)
            for name in monomial:
                product = product * Dim.of(values.get(name, name))
            total = total + product
        return total

    def __str__(self) -> str:
        return _text(self.terms)

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: Any, _handler: Any) -> Any:
        from pydantic_core import core_schema

        return core_schema.is_instance_schema(
            cls, serialization=core_schema.plain_serializer_function_ser_schema(str)
        )


@lru_cache(maxsize=4096)  # a text says the same few sizes and names over and over
def _made(value: int | Fraction | str) -> Dim:
    if isinstance(value, str):
        return Dim((((value,), Fraction(1)),))
    return _collect({(): Fraction(value)})


@lru_cache(maxsize=4096)
def _text(terms: tuple[tuple[Monomial, Fraction], ...]) -> str:
    text = ""
    for monomial, factor in terms:
        sign = "-" if factor < 0 else "+"
        text += f" {sign} {_term(monomial, abs(factor))}" if text else ""
        text = text or ("-" if factor < 0 else "") + _term(monomial, abs(factor))
    return text or "0"


def _collect(terms: dict[Monomial, Fraction]) -> Dim:
    kept = [(m, f) for m, f in terms.items() if f]
    if len(kept) > MOST_TERMS:
        raise DimError(f"a sum of more than {MOST_TERMS} products of dims")
    for monomial, factor in kept:
        if len(monomial) > MOST_FACTORS:
            raise DimError(f"a product of more than {MOST_FACTORS} dims")
        if max(factor.numerator.bit_length(), factor.denominator.bit_length()) > MOST_BITS:
            raise DimError("a number beyond 1e300")
    return Dim(tuple(sorted(kept, key=lambda term: (-len(term[0]), term[0]))))


def _cancel(monomial: Monomial, below: Monomial) -> Monomial:
    rest = list(monomial)
    for name in below:
        if name not in rest:
            raise ValueError(f"{name} does not divide {'*'.join(monomial) or '1'}")
        rest.remove(name)
    return tuple(rest)


def _term(monomial: Monomial, factor: Fraction) -> str:
    above = "*".join(([str(factor.numerator)] if factor.numerator != 1 else []) + list(monomial))
    return (above or "1") + (f"/{factor.denominator}" if factor.denominator != 1 else "")
