"""Rewrite the blocks of a program: each once, inner ones first, shared ones staying shared."""

from collections.abc import Callable

from revc.ir.expr import Elementwise, Expr, NetCall
from revc.ir.program import Block, Program

Rewrite = Callable[[Block], Block]


def rewrite(program: Program, change: Rewrite) -> Program:
    """Return the program with `change` applied to every block."""
    model = rewrite_block(program.model, change)
    return program if model is program.model else program.replace(model=model)


def rewrite_block(whole: Block, change: Rewrite) -> Block:
    """Return a block with `change` applied to it and to all blocks in it."""
    done: dict[int, Block] = {}
    for block in whole.inner_first():
        done[id(block)] = change(block.map_inner(lambda inner: done[id(inner)]))
    return done[id(whole)]


def map_expr(expr: Expr, change: Callable[[Expr], Expr]) -> Expr:
    """Return `expr` with `change` applied to every node, arguments first."""
    if isinstance(expr, Elementwise | NetCall):
        args = tuple(map_expr(arg, change) for arg in expr.args)
        if any(new is not old for new, old in zip(args, expr.args, strict=True)):
            expr = expr.replace(args=args)
    return change(expr)
