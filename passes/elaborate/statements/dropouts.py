"""Dropout as a charged draw: a mask comes out of the reservoir, serves one update, and is put.

`a += dropout(E, p)` is three steps, each with an inverse: draw a mask, add ``E * mask / (1 - p)``,
put the mask on the tape. Undone, the mask comes off the tape and goes back to the reservoir. A
dropout stands in expressions as a call of a net without parameters, so that composite nets may hold
one; the update replaces it.
"""

from dataclasses import dataclass, field
from typing import Any

from revc.grammar.span import Span
from revc.ir.dims import Dim
from revc.ir.expr import Elementwise, Expr, NetCall, Number, Place, Read, walk
from revc.ir.instructions import Add, Distribution, Draw, Instruction, Put
from revc.ir.net_kinds import kind_of
from revc.ir.nets import Builtin
from revc.ir.types import Label, RegType, Shape
from revc.passes.elaborate.scope.scope import Scope
from revc.passes.rules.r403_misplaced_dropout import misplaced
from revc.passes.rules.s004_shape_mismatch import mismatch

METER = "dropout"


@dataclass(eq=False, repr=False)
class _Masks:
    """The masks of one update: their names, types and rates."""

    scope: Scope
    batch: Shape
    found: list[tuple[str, RegType, float]] = field(default_factory=list)

    def replaced(self, expr: Expr) -> Expr:
        """Return an expression whose dropouts are products with masks."""
        if isinstance(expr, Elementwise | NetCall):
            args = tuple(self.replaced(arg) for arg in expr.args)
            expr = expr.replace(args=args)
        rate = _rate(self.scope, expr)
        if rate is None or not isinstance(expr, NetCall):
            return expr
        return expr.args[0] if rate == 0 else self._product(expr.args[0], rate, expr.span)

    def _product(self, value: Expr, rate: float, span: Span) -> Expr:
        if value.shape[:1] != self.batch or not self.batch:
            text = "`dropout` masks a value of each example: its first axis is the batch's"
            raise self.scope.findings.reject(mismatch(span, text))
        name = self._name()
        self.found.append((name, _mask_type(value.shape), rate))
        mask = Read(span=span, place=Place(span=span, name=name), shape=value.shape)
        kept = Number(span=span, value=1 / (1 - rate))
        return _times(_times(value, mask, span), kept, span)

    def _name(self) -> str:
        regs = self.scope.regs
        taken = {*regs.live, *regs.givens, *regs.lets, *(name for name, _, _ in self.found)}
        number = 0
        while (name := f"mask_{number}") in taken or self.scope.visible(name) is not None:
            number += 1
        return name


def _mask_type(shape: Shape) -> RegType:
    return RegType(numerics=Label(size=Dim.of(2)), shape=shape)


def _times(left: Expr, right: Expr, span: Span) -> Expr:
    return Elementwise(span=span, function="mul", args=(left, right), shape=left.shape)


def _rate(scope: Scope, expr: Expr) -> float | None:
    """Return the rate of a dropout's call, None for any other expression."""
    if not isinstance(expr, NetCall):
        return None
    source = scope.slots.drafts[expr.slot].source
    kind = kind_of(source)
    if not isinstance(source, Builtin) or kind is None or not kind.masks:
        return None
    rate = source.settings["p"]
    assert isinstance(rate, int | float)
    return float(rate)


def no_dropout(scope: Scope, expr: Expr) -> None:
    """Check that an expression draws no mask.

    Raises:
        Reported: it does (R403).
    """
    for node in walk(expr):
        if _rate(scope, node) is not None:
            raise scope.findings.reject(misplaced(node.span))


def masked(scope: Scope, step: Add, batch: Shape, undo: bool) -> list[Instruction]:
    """Return an update with its masks drawn before it and put behind it; undone with `undo`."""
    masks = _Masks(scope, batch)
    value = masks.replaced(step.value)
    if value is step.value or not masks.found:
        return [step.replace(value=value)]
    sign = -step.sign if undo else step.sign
    forward: list[Instruction] = [
        *(_move(Draw, step.span, mask) for mask in masks.found),
        step.replace(value=value, sign=sign),
        *(_move(Put, step.span, mask) for mask in reversed(masks.found)),
    ]
    return [one.inverse() for one in reversed(forward)] if undo else forward


def _move(kind: type[Draw] | type[Put], span: Span, mask: tuple[str, RegType, float]) -> Draw | Put:
    name, held, rate = mask
    by = Distribution(family="dropout", params=(), settings={"p": rate}, residue="none")
    fields: dict[str, Any] = {
        "span": span,
        "target": name,
        "type": held,
        "by": by,
        "meter": METER,
        "stack": None,
    }
    return kind(**fields)
