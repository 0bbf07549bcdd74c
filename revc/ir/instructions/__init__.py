"""The kinds of instruction; a new kind is one file and one line here."""

from typing import Annotated

from pydantic import Field

from revc.ir import program
from revc.ir.instructions.add import Add
from revc.ir.instructions.base import Env
from revc.ir.instructions.linear_maps import Apply, Mix
from revc.ir.instructions.memory import Alloc, Forget, Free, Recall, forgets
from revc.ir.instructions.metered import Distribution, Draw, Put, Scale, Valve
from revc.ir.instructions.moves import Join, Permute, Reshape, Split, Squeeze, Swap
from revc.ir.instructions.negate import Negate
from revc.ir.instructions.reading import Emit, Let
from revc.ir.instructions.structure import BlockCall, Repeat

Instruction = Annotated[
    Add
    | Negate
    | Swap
    | Split
    | Join
    | Permute
    | Reshape
    | Squeeze
    | Alloc
    | Free
    | Forget
    | Recall
    | Let
    | Emit
    | BlockCall
    | Repeat
    | Put
    | Draw
    | Valve
    | Scale
    | Mix
    | Apply,
    Field(discriminator="kind"),
]

# A block's body holds instructions and some instructions hold blocks: this closes the circle. The
# validators are made when the first of these nodes is validated, so importing this costs little.
program.Instruction = Instruction  # type: ignore[attr-defined]

__all__ = [
    "Add",
    "Alloc",
    "Apply",
    "BlockCall",
    "Distribution",
    "Draw",
    "Emit",
    "Env",
    "Forget",
    "Free",
    "Instruction",
    "Join",
    "Let",
    "Mix",
    "Negate",
    "Permute",
    "Put",
    "Recall",
    "Repeat",
    "Reshape",
    "Scale",
    "Split",
    "Squeeze",
    "Swap",
    "Valve",
    "forgets",
]
