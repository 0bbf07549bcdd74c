"""P701: a net that is evaluated twice on the same values."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from typing import NamedTuple

from revc.grammar.diagnostics import Diagnostic
from revc.grammar.span import Span
from revc.ir.expr import Elementwise, Expr, NetCall, reads
from revc.ir.instructions import Emit, Instruction, Let
from revc.ir.keys import key
from revc.ir.nets import Builtin, NetSlot
from revc.ir.program import Block
from revc.passes.rules.base import Page, Rule

RULE = Rule(
    "P701",
    "redundant-recompute",
    "warn",
    Page(
        what="One net is evaluated twice on the same values, with no statement between that "
        "changes them. What undoes an earlier statement is not told of: it has to compute again.",
        why="The second evaluation costs as much as the first, in both directions, and gives the "
        "same. `let v = F(b)` names the value: it is computed once.",
        bad="""
use std.nets: mlp
dim B, c = 8
state lattice(Q12.20)
model M(a, b, d: [B, c]) {
  net F = mlp(width = 4*c)
  a += F(b)
  d += F(b)
  b += tanh(a)
}
""",
        good="""
use std.nets: mlp
dim B, c = 8
state lattice(Q12.20)
model M(a, b, d: [B, c]) {
  net F = mlp(width = 4*c)
  let v = F(b)
  a += v
  d += v
  b += tanh(a)
}
""",
        source="Aho, Sethi, Ullman, Compilers (1986), section 9.2: common subexpressions",
    ),
)


class _Known(NamedTuple):
    """An evaluation that would give the same now: it, where it stands, what it reads."""

    call: NetCall
    span: Span
    reads: frozenset[str]


def check(block: Block, _checked: Collection[Span]) -> Iterator[Diagnostic]:
    """Yield a finding for each net that a body evaluates again on what it has read before."""
    loops = (one for step in block.own() if not step.called() for one in step.inner())
    for body in (block, *loops):
        called = Counter(call.slot for call in _in(body.body))
        often = {n for n, count in called.items() if count > 1 and not _looks_up(body.nets[n])}
        if often:
            yield from _body(body, often)


def _looks_up(slot: NetSlot) -> bool:
    """Say whether a net takes rows of a table: that is as cheap as keeping them."""
    return isinstance(slot.source, Builtin) and slot.source.name == "embedding"


def _in(body: Iterable[Instruction]) -> Iterator[NetCall]:
    return (call for step in body for value in step.values() for call in _calls(value))


def _body(body: Block, often: Collection[int]) -> Iterator[Diagnostic]:
    """Look at those calls of a body whose slots are called `often`."""
    known: list[_Known] = []
    for number, step in enumerate(body.body):
        if step.inner():
            known.clear()  # no value is kept over what is called
        for call in (call for call in _in([step]) if call.slot in often):
            earlier = _same(call, known)
            if earlier is None:
                reading = frozenset(read.place.name for read in reads(call))
                known.append(_Known(call, step.span, reading))
            elif not _undoes(step, body.body[:number]):
                yield _finding(body.nets[call.slot], call, earlier.span)
                break
        if known:
            changed = {place.name for place in step.targets()}
            known = [one for one in known if one.reads.isdisjoint(changed)]


def _same(call: NetCall, known: Iterable[_Known]) -> _Known | None:
    """Return the evaluation that a call would do again; keys are made of one slot's alone."""
    alike = (one for one in known if one.call.slot == call.slot)
    return next((one for one in alike if key(one.call) == key(call)), None)


def _undoes(step: Instruction, earlier: Iterable[Instruction]) -> bool:
    """Say whether a statement takes back one of those before it."""
    if isinstance(step, Let | Emit):
        return False
    undone = step.inverse()
    back, kind = key(undone), type(undone)
    return any(isinstance(one, kind) and key(one) == back for one in earlier)


def _calls(expr: Expr) -> Iterator[NetCall]:
    """Yield the evaluations of nets that compute something of what they read, outer ones first."""
    if isinstance(expr, NetCall) and expr.args:
        yield expr
    if isinstance(expr, Elementwise | NetCall):
        for arg in expr.args:
            yield from _calls(arg)


def _finding(slot: NetSlot, call: NetCall, earlier: Span) -> Diagnostic:
    name = slot.name.rpartition(".")[2]
    text = f"`{name}` is evaluated on line {earlier.line} on what it reads here, unchanged since"
    return RULE.at(call.span, text, help=f"name the value once, `let v = {name}(..)`, and read it")
