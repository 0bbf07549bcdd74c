"""Rewrite the blocks of a program: each once, inner ones first, shared ones staying shared."""

from collections.abc import Callable, Iterator

from revc.ir.expr import Elementwise, Expr, NetCall
from revc.ir.instructions import BlockCall, Instruction, Repeat
from revc.ir.program import Block, Program

Rewrite = Callable[[Block], Block]


def rewrite(program: Program, change: Rewrite) -> Program:
    """Return the program with `change` applied to every block."""
    model = rewrite_block(program.model, change)
    return program if model is program.model else program.model_copy(update={"model": model})


def rewrite_block(block: Block, change: Rewrite) -> Block:
    """Return a block with `change` applied to it and to all that it calls."""
    return _block(block, change, {})


def _block(block: Block, change: Rewrite, done: dict[int, Block]) -> Block:
    if id(block) not in done:
        body = tuple(_step(step, change, done) for step in block.body)
        same = all(new is old for new, old in zip(body, block.body, strict=True))
        done[id(block)] = change(block if same else block.model_copy(update={"body": body}))
    return done[id(block)]


def _step(step: Instruction, change: Rewrite, done: dict[int, Block]) -> Instruction:
    if isinstance(step, BlockCall):
        inner = _block(step.block, change, done)
        return step if inner is step.block else step.model_copy(update={"block": inner})
    if isinstance(step, Repeat):
        inner = _block(step.body, change, done)
        return step if inner is step.body else step.model_copy(update={"body": inner})
    return step


def blocks_in(block: Block) -> Iterator[Block]:
    """Yield a block and all that it calls or repeats, each once, inner ones first."""
    found: dict[int, Block] = {}
    _inner(block, found)
    yield from found.values()


def _inner(block: Block, found: dict[int, Block]) -> None:
    for step in block.body:
        inner = step.block if isinstance(step, BlockCall) else getattr(step, "body", None)
        if isinstance(inner, Block) and id(inner) not in found:
            _inner(inner, found)
    found.setdefault(id(block), block)


def map_expr(expr: Expr, change: Callable[[Expr], Expr]) -> Expr:
    """Return `expr` with `change` applied to every node, arguments first."""
    if isinstance(expr, Elementwise | NetCall):
        args = tuple(map_expr(arg, change) for arg in expr.args)
        if any(new is not old for new, old in zip(args, expr.args, strict=True)):
            expr = expr.model_copy(update={"args": args})
    return change(expr)
