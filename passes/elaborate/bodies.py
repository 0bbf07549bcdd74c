"""Finished bodies: a block, and what its net slots are linked to."""

from collections.abc import Hashable
from dataclasses import dataclass

from revc.grammar import ast
from revc.grammar.span import Span
from revc.ir.expr import Number
from revc.ir.instructions import Free, Instruction
from revc.ir.make import make
from revc.ir.program import Block, Register
from revc.passes.elaborate.linking import names_in, renumbered
from revc.passes.elaborate.proof import Doubt
from revc.passes.elaborate.scope import Scope


@dataclass(frozen=True, eq=False, repr=False)
class Body:
    """A finished body: its block, what its slots are linked to (None: their own), its emits."""

    block: Block
    links: tuple[Hashable, ...]
    emits: tuple[str, ...]


@dataclass(frozen=True, eq=False, repr=False)
class Specialised(Body):
    """A block for one set of arguments, with what stands between it and its proof."""

    decl: ast.BlockDecl | ast.ModelDecl
    doubts: tuple[Doubt, ...]


def close(
    scope: Scope,
    name: str,
    span: Span,
    takes: tuple[Register, ...],
    gives: tuple[Register, ...],
    givens: tuple[Register, ...],
    steps: list[Instruction],
) -> Body:
    """Return the block of a body that has been read to its end."""
    nets, links, where = scope.slots.freeze()
    if len(where) < len(scope.slots.drafts):
        steps = [renumbered(step, where) for step in steps]
    used = frozenset[str]().union(*(names_in(step) for step in steps)) if scope.turns else ()
    block = make(
        Block,
        span=span, name=name, takes=takes, gives=gives, givens=givens, nets=nets,
        turns=tuple(turn for turn in scope.turns if turn in used), body=tuple(steps),
    )  # fmt: skip
    scope.blocks.depths[id(block)] = _depth(scope, steps)
    if not scope.findings.denied:
        _check_frees(scope, block)
    return Body(block, links, tuple(scope.emitted))


def _check_frees(scope: Scope, block: Block) -> None:
    """Add a finding for each uncertain `free`; `undo alloc` is checked as it runs instead."""
    if not any(isinstance(step, Free) for step in block.body):
        return
    from revc.passes.freed import unproved_frees
    from revc.passes.rules.l107_unproved_free import unproved

    for free in unproved_frees(block):
        step = free.step
        if step.span not in scope.blocks.checked:
            fixed = step.value.value if isinstance(step.value, Number) else None
            value = f"{fixed:g}" if isinstance(fixed, float) else "equal to its value"
            scope.findings.add(unproved(step.name, value, free.witness, step.span))


def _depth(scope: Scope, steps: list[Instruction]) -> int:
    """Return how deep a body nests, itself counted."""
    inner = [block for step in steps for block in step.inner()]
    return 1 + max((scope.blocks.depths[id(block)] for block in inner), default=0)
