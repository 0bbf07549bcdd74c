"""Drop arithmetic that changes no bit: multiplying or dividing by 1, and double negation.

Library blocks have factors that are often 1 (``h * F(cur)``); each would cost a pass over the data.
Adding 0 stays: it turns -0 into 0.
"""

from dataclasses import dataclass

from revc.ir.expr import Elementwise, Expr, Number
from revc.ir.program import Block, Program
from revc.passes.transform.rewrite import map_expr, rewrite


@dataclass(frozen=True)
class Simplify:
    """Drop factors of 1 and double negations."""

    name: str = "simplify"

    def run(self, program: Program) -> Program:
        """Return the program with simpler expressions of the same values."""
        return rewrite(program, simplified)


def simplified(block: Block) -> Block:
    """Return a block whose own expressions are simpler, those that it calls aside."""
    body = tuple(step.map(lambda e: map_expr(e, simpler)) for step in block.body)
    return block if body == block.body else block.replace(body=body)


def simpler(expr: Expr) -> Expr:
    """Return a simpler expression with the same value and shape, or `expr` itself."""
    if not isinstance(expr, Elementwise):
        return expr
    left = expr.args[0]
    if expr.function == "neg" and isinstance(left, Elementwise) and left.function == "neg":
        return left.args[0]
    if expr.function in ("mul", "div") and _is_one(expr.args[1]) and left.shape == expr.shape:
        return left
    if expr.function == "mul" and _is_one(left) and expr.args[1].shape == expr.shape:
        return expr.args[1]
    return expr


def _is_one(expr: Expr) -> bool:
    return isinstance(expr, Number) and expr.value == 1.0
