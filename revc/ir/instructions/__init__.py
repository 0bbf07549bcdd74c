"""The kinds of instruction; a new kind is one file and one line here."""

from revc.ir.instructions.add import Add
from revc.ir.instructions.base import Env
from revc.ir.instructions.linear_maps import Apply, Mix
from revc.ir.instructions.memory import Alloc, Forget, Free, Recall, forgets
from revc.ir.instructions.metered import Distribution, Draw, Put, Scale, Valve
from revc.ir.instructions.moves import Join, Permute, Reshape, Split, Squeeze, Swap
from revc.ir.instructions.negate import Negate
from revc.ir.instructions.reading import Emit, Let
from revc.ir.instructions.structure import BlockCall, Repeat

Instruction = (
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
    | Apply
)

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
