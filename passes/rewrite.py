"""Rewrite the blocks of a program: each once, inner ones first, shared ones staying shared."""

from collections.abc import Callable

from revc.ir.expr import Elementwise, Expr, NetCall
from revc.ir.instructions import BlockCall, Instruction, Repeat
from revc.ir.program import Block, Program

Rewrite = Callable[[Block], Block]


def rewrite(program: Program, change: Rewrite) -> Program:
    """Return the program with `change` applied to every block."""
    model = _block(program.model, change, {})
    return program if model is program.model else program.model_copy(update={"model": model})


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


def map_expr(expr: Expr, change: Callable[[Expr], Expr]) -> Expr:
    """Return `expr` with `change` applied to every node, arguments first."""
    if isinstance(expr, Elementwise | NetCall):
        args = tuple(map_expr(arg, change) for arg in expr.args)
        if any(new is not old for new, old in zip(args, expr.args, strict=True)):
            expr = expr.model_copy(update={"args": args})
    return change(expr)
