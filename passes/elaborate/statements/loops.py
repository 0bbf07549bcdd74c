"""`repeat`: its body is a block of its own, with a row of net slots for each turn."""

from collections.abc import Hashable, Iterator
from dataclasses import replace

from revc.grammar import ast
from revc.ir.dims import Dim
from revc.ir.instructions import Instruction, Repeat
from revc.ir.make import make
from revc.ir.net_kinds import kind_of
from revc.ir.program import Register
from revc.passes.elaborate.bodies import Body
from revc.passes.elaborate.close import close
from revc.passes.elaborate.linking import instantiate
from revc.passes.elaborate.nets.lookup import find_net
from revc.passes.elaborate.nets.slots import Namer, Slots
from revc.passes.elaborate.scope.names import size
from revc.passes.elaborate.scope.scope import Scope, declared
from revc.passes.rules.l105_loop_imbalance import imbalance
from revc.passes.rules.l109_stale_let import stale
from revc.passes.rules.report import Reported
from revc.passes.rules.s003_unknown_argument import bad_argument
from revc.passes.rules.s009_redefined_name import redefined

MOST_TURNS = 100_000


def repeat(scope: Scope, node: ast.Repeat, undo: bool) -> list[Instruction]:
    """`repeat N reversed as i share { body }`."""
    from revc.passes.elaborate.statements.table import run

    count = size(node.count, scope.names, scope.findings)
    if not node.share and (count.integer or 0) > MOST_TURNS:
        text = f"of {count} turns has too many nets; `repeat .. share` has one set"
        raise scope.findings.reject(bad_argument("a repeat", text, node.count.span))
    if undo:
        return repeat(scope, inverse_loop(scope, node), False)
    if node.label is not None:
        scope.claim(node.label, "a loop of this body", node.span)
    label = node.label or scope.namer.next("repeat")
    inner = _inner(scope, node)
    with scope.elaboration.within(node, node.span):
        steps = run(inner, node.body)
    _balanced(scope, inner, node)
    if inner.regs.lost:  # its other statements may use what it can no longer take
        scope.doubts += inner.doubts
        raise Reported
    body = _block(scope, inner, node, steps, f"{scope.path}.{label}")
    scope.doubts += inner.doubts
    scope.emit(body.emits, node.span)
    registers = tuple(register.name for register in body.block.takes)
    for name in registers:
        if name in inner.regs.written:
            scope.regs.change(name, inner.regs.written[name])
    return [
        make(
            Repeat,
            span=node.span, label=label, body=body.block, count=count, index=node.index,
            reversed=node.reversed, share=node.share, registers=registers,
            givens=tuple(given.name for given in body.block.givens),
            nets=_rows(scope, node, body, label, count),
        )
    ]  # fmt: skip


def inverse_loop(scope: Scope, node: ast.Repeat) -> ast.Repeat:
    """Return the loop that undoes a loop: `undo repeat` is that loop."""
    from revc.passes.transform.inverse_statements import Reader, inverse_body

    builtin = [name for name, source in scope.module.imports.items() if source is None]
    reader = Reader(frozenset(builtin), {}, frozenset({"dropout", *_masking(scope, node)}))
    body = inverse_body(node.body, reader)
    return node.model_copy(update={"body": body, "reversed": not node.reversed})


def _masking(scope: Scope, node: ast.Repeat) -> Iterator[str]:
    """Yield the nets of enclosing bodies that a loop calls and that draw masks."""
    called = {one.func for one in ast.walk(node.body) if isinstance(one, ast.Call)}
    for name in sorted(called):
        net = find_net(scope, name)
        sources = [scope.slots.drafts[slot].source for slot in net.uses] if net else []
        if any(kind is not None and kind.masks for kind in map(kind_of, sources)):
            yield name


def _inner(scope: Scope, node: ast.Repeat) -> Scope:
    names, turns = dict(scope.names), scope.turns
    if node.index is not None:
        earlier = "a value" if scope.regs.knows(node.index) else scope.visible(node.index)
        if earlier is not None:
            raise scope.findings.reject(redefined(node.index, earlier, node.span))
        names[node.index] = Dim.of(node.index)
        turns = (*turns, node.index)
    return replace(
        scope, names=names, turns=turns, parent=scope, regs=scope.regs.inner(), slots=Slots(),
        namer=Namer(declared(node.body)), nets={}, labels={}, doubts=[], emitted={}, claimed={},
    )  # fmt: skip


def _balanced(scope: Scope, inner: Scope, node: ast.Repeat) -> None:
    """Check that a turn leaves the registers, and the lets that it reads, as it found them."""
    before, after = scope.regs.live, inner.regs.live
    scope.regs.lose([name for name in before if name in inner.regs.lost])
    wrong = imbalance(before, after, inner.regs.lost | scope.regs.lost, node.span)
    if wrong is not None:
        scope.regs.lose([n for n in (*before, *after) if before.get(n) != after.get(n)])
        raise scope.findings.reject(wrong)
    for name in inner.regs.used:
        let = scope.regs.lets.get(name)
        if let is not None and let.changed is not None:
            scope.findings.add(stale(name, let.changed[0], let.changed[1], node.span))


def _block(
    scope: Scope, inner: Scope, node: ast.Repeat, steps: list[Instruction], name: str
) -> Body:
    regs, outer = inner.regs, scope.regs
    touched = [n for n in outer.live if n in regs.used or n in regs.written]
    registers = tuple(make(Register, span=node.span, name=n, type=outer.live[n]) for n in touched)
    reads = {**outer.givens, **{n: let.type for n, let in outer.lets.items()}}
    givens = tuple(
        make(Register, span=node.span, name=n, type=kind)
        for n, kind in reads.items()
        if n in regs.used
    )
    outer.used.update(dict.fromkeys([*touched, *(given.name for given in givens)]))
    return close(inner, name, node.span, registers, registers, givens, steps)


def _rows(
    scope: Scope, node: ast.Repeat, body: Body, label: str, count: Dim
) -> tuple[tuple[int, ...], ...]:
    """Return the slots of each turn; a count that is not known yet stands for one turn."""
    known: dict[Hashable, int] = {n: n for n in body.links if isinstance(n, int)}
    if node.share:
        return (instantiate(scope, body, label, known),)
    turns = count.integer if count.integer is not None else 1
    return tuple(instantiate(scope, body, f"{label}.{turn}", known) for turn in range(turns))
