"""What every kind of instruction answers."""

from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Self

from revc.errors import InternalError
from revc.ir.dims import Dim
from revc.ir.expr import Expr, Place, reads, renumber, slots
from revc.ir.types import Located, RegType

if TYPE_CHECKING:
    from revc.ir.program import Block

Env = dict[str, RegType]


class Instruction(Located):
    """One reversible step on the registers of a block.

    A kind's file holds all that is known of it: its types (`step`), its inverse, how it runs
    (`lower`), how it rebuilds its input and pulls cotangents back (`pull`), and its source.
    """

    @abstractmethod
    def step(self, env: Env) -> None:
        """Update the types of the live registers in place.

        Raises:
            InternalError: the instruction does not fit `env`; the passes let no such thing through.
        """

    @abstractmethod
    def inverse(self) -> "Instruction":
        """Return the instruction that undoes this one."""

    def values(self) -> tuple[Expr, ...]:
        """Return the expressions that the instruction evaluates."""
        return ()

    def targets(self) -> tuple[Place, ...]:
        """Return the places that the instruction changes; registers made or moved count too."""
        return ()

    def inner(self) -> tuple["Block", ...]:
        """Return the blocks that the instruction runs."""
        return ()

    def called(self) -> tuple["Block", ...]:
        """Return those of the inner blocks that have a name and may be run from elsewhere too."""
        return ()

    def backwards(self) -> bool:
        """Say whether the inner blocks are run backwards."""
        return False

    def times(self) -> Dim:
        """Return how often the inner blocks are run."""
        return Dim.of(1)

    def turn(self) -> str | None:
        """Return the name that the inner blocks have for the number of the present turn."""
        return None

    def with_inner(self, blocks: tuple["Block", ...]) -> Self:
        """Return the instruction with other blocks in place of those that `inner` returns."""
        return self

    def rows(self) -> tuple[tuple[int, ...], ...]:
        """Return the slots for those of the inner block, a row a turn or one row for all."""
        return ()

    def prefixes(self) -> tuple[str, ...]:
        """Return, for each of `rows`, what the names of the nets made for it start with."""
        return ()

    def slots(self) -> tuple[int, ...]:
        """Return the net slots that the instruction uses, in order, each once."""
        called = [slot for value in self.values() for slot in slots(value)]
        return tuple(dict.fromkeys((*called, *(slot for row in self.rows() for slot in row))))

    def renumbered(self, where: Mapping[int, int]) -> Self:
        """Return the instruction with every slot replaced by ``where[slot]``."""
        return self.map(lambda value: renumber(value, where)) if self.slots() else self

    def passed(self) -> tuple[Place, ...]:
        """Return the places that the givens of the inner blocks read."""
        return ()

    def names_read(self) -> tuple[str, ...]:
        """Return the names that the values and inner blocks read, in order, each once."""
        found = [read.place for value in self.values() for read in reads(value)]
        return tuple(dict.fromkeys(place.name for place in (*found, *self.passed())))

    def binds(self) -> str | None:
        """Return the name of a `let`, which binds it to a value and does nothing else."""
        return None

    def map(self, expr: Callable[[Expr], Expr]) -> Self:
        """Return the instruction with every expression replaced by ``expr(expression)``."""
        return self


def live(env: Env, name: str) -> RegType:
    """Return the type of a live register.

    Raises:
        InternalError: `name` is not live.
    """
    if name not in env:
        raise InternalError(f"register {name!r} is not live; live: {sorted(env)}")
    return env[name]
