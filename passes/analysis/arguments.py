"""Match the arguments of a call with what its callee takes: the one way in which that is done.

An argument without a name gives the next name, in order, that no argument gives by name.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from revc.grammar import ast
from revc.grammar.signatures import Signature

Fault = Literal["unknown", "twice", "many"]


@dataclass(frozen=True, slots=True)
class Formals:
    """What a callee takes.

    `positional` may be given without their names, in this order; `named` by name alone. With
    `spread` further arguments without a name are values that it reads. `shown` is how findings
    write a name.
    """

    callee: str
    positional: tuple[str, ...] = ()
    named: tuple[str, ...] = ()
    spread: bool = False
    shown: str = "{}"

    @property
    def names(self) -> tuple[str, ...]:
        """Every name that an argument may have."""
        return (*self.positional, *self.named)


class Matched(NamedTuple):
    """Arguments by name, the further ones in order, and the first that does not fit, if any."""

    given: dict[str, ast.Arg]
    rest: list[ast.Arg]
    fault: tuple[Fault, ast.Arg] | None


def match(args: Sequence[ast.Arg], formals: Formals) -> Matched:
    """Return which argument is which."""
    given: dict[str, ast.Arg] = {}
    rest: list[ast.Arg] = []
    fault: tuple[Fault, ast.Arg] | None = None
    for arg in args:
        if arg.name is None:
            continue
        if arg.name in given or arg.name not in formals.names:
            fault = fault or ("twice" if arg.name in given else "unknown", arg)
        given.setdefault(arg.name, arg)
    free = [name for name in formals.positional if name not in given]
    for arg in args:
        if arg.name is not None:
            continue
        if free:
            given[free.pop(0)] = arg
        elif formals.spread:
            rest.append(arg)
        else:
            fault = fault or ("many", arg)
    return Matched(given, rest, fault)


def of_builtin(signature: Signature, leading: tuple[str, ...] | None = None) -> Formals:
    """Return what a built-in net takes: its leading options and its inputs go by position.

    `leading` are the options that go by position, the signature's unless others are said.
    """
    first = signature.leading if leading is None else leading
    options = (option.name for option in signature.options if option.name not in first)
    inputs = (one.name for one in signature.inputs)
    return Formals(signature.name, first, (*inputs, *options), spread=True)
