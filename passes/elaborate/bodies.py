"""Finished bodies: a block, and what its net slots are linked to."""

from collections.abc import Hashable
from dataclasses import dataclass

from revc.grammar import ast
from revc.ir.dims import Dim
from revc.ir.program import Block
from revc.passes.analysis.doubts import Doubt
from revc.passes.elaborate.nets.slots import Net
from revc.passes.modules import Module

Generics = dict[str, Net | Dim]


@dataclass(frozen=True, eq=False, repr=False)
class Body:
    """A finished body: its block, what its slots are linked to (None: their own), its emits."""

    block: Block
    links: tuple[Hashable, ...]
    emits: tuple[str, ...]


@dataclass(frozen=True, eq=False, repr=False)
class Specialised(Body):
    """A block for one set of arguments, with what stands between it and its proof.

    It is `whole` if nothing was found in its source, nor in what it calls, and `complete` if no
    statement of them was left out: what is not has registers that come from nowhere.
    """

    decl: ast.BlockDecl | ast.ModelDecl
    doubts: tuple[Doubt, ...]
    whole: bool
    complete: bool


@dataclass(frozen=True)
class Called:
    """A call that `uncall` may undo by its label: its block, and the slots of its nets.

    `undo` says that the call itself ran the block backwards: its `uncall` then runs it forwards.
    """

    label: str
    module: Module
    decl: ast.BlockDecl
    generics: Generics
    block: Specialised
    nets: tuple[int, ...]
    undo: bool = False
