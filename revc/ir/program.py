"""Programs: blocks of reversible instructions over linear registers.

A block's nets are *slots*. A call maps the callee's slots to slots of the caller, so a block's code
names no instance, and equal blocks share one graph. The model's slots, in program order, are the
net instances of the whole program.
"""

from typing import TYPE_CHECKING, Literal

from revc.ir.nets import NetSlot
from revc.ir.types import IRNode, Located, RegType

if TYPE_CHECKING:
    from revc.ir.instructions import Instruction


class Register(Located):
    """A named register or given, with its type."""

    name: str
    type: RegType


class Block(Located):
    """A body with its interface; `takes` and `gives` may differ where registers are made or moved.

    `turns` are the turn indices of enclosing repeats that the body reads.
    """

    name: str
    takes: tuple[Register, ...]
    gives: tuple[Register, ...]
    givens: tuple[Register, ...]
    turns: tuple[str, ...]
    nets: tuple[NetSlot, ...]
    body: "tuple[Instruction, ...]"


class Budget(Located):
    """``budget net(LM.va) <= bound units``, its targets being dotted meter names."""

    meter: str
    targets: tuple[str, ...]
    bound: float
    units: tuple[str, ...]


class StackDecl(Located):
    """``reservoir e(seed = 1, bits = 64000)`` or ``tape t``; `bits` is what a sequence may draw."""

    name: str
    kind: Literal["tape", "reservoir"]
    seed: int | None = None
    bits: int | None = None


class Program(IRNode):
    """One model, names resolved: `dims` are the bound ones, `free` come from the inputs' shapes."""

    model: Block
    dims: dict[str, int]
    free: tuple[str, ...]
    budgets: tuple[Budget, ...]
    stacks: tuple[StackDecl, ...] = ()
