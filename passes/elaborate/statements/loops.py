"""`repeat`: its body is a block of its own, with a row of net slots for each turn."""

from collections.abc import Hashable
from dataclasses import replace

from revc.grammar import ast
from revc.ir.dims import Dim
from revc.ir.instructions import Instruction, Repeat, forgets
from revc.ir.program import Register
from revc.passes.elaborate.bodies import Body
from revc.passes.elaborate.close import close
from revc.passes.elaborate.emits import told_apart
from revc.passes.elaborate.linking import instantiate
from revc.passes.elaborate.nets.slots import Namer, Slots
from revc.passes.elaborate.scope.names import size
from revc.passes.elaborate.scope.scope import Scope, declared
from revc.passes.elaborate.scope.state_places import check_size
from revc.passes.modules import statements
from revc.passes.rules.l105_loop_imbalance import imbalance
from revc.passes.rules.l109_stale_let import stale
from revc.passes.rules.l111_forget_undone import forget_undone
from revc.passes.rules.report import Reported
from revc.passes.rules.s003_unknown_argument import bad_argument
from revc.passes.rules.s009_redefined_name import redefined

MOST_TURNS = 100_000
MOST_IN_ALL = 1_000_000  # turns of all loops: each has a row of nets


def repeat(scope: Scope, node: ast.Repeat, undo: bool) -> list[Instruction]:
    """`repeat N reversed as i share { body }`."""
    from revc.passes.elaborate.statements.table import run

    count = size(node.count, scope.names, scope.findings, least=0)
    check_size(scope, count, 0, node.count.span)
    if not node.share:
        _few_turns(scope, node, count)
    if node.label is not None:
        scope.claim(node.label, "a loop of this body", node.span)
    label = node.label or scope.namer.next("repeat")
    inner = _inner(scope, node, count)
    left_out = scope.elaboration.left_out
    with scope.elaboration.within(node, node.span):
        steps = told_apart(inner, run(inner, node.body))
    _balanced(scope, inner, node)
    if inner.regs.lost:  # its other statements may use what it can no longer take
        scope.doubts += inner.doubts
        raise Reported
    body = _block(scope, inner, node, steps, f"{scope.path}.{label}")
    scope.doubts += inner.doubts
    _counted(scope, node, count, body)
    scope.emit(body.emits, node.span)
    registers = tuple(register.name for register in body.block.takes)
    for name in registers:
        if name in inner.regs.written:  # its lets have heard of it as the body was read
            scope.regs.written.setdefault(name, inner.regs.written[name])
    loop = Repeat(
        span=node.span, label=label, body=body.block, count=count, index=node.index,
        reversed=node.reversed, share=node.share, registers=registers,
        givens=tuple(given.name for given in body.block.givens),
        nets=_rows(scope, node, body, label, count),
    )  # fmt: skip
    if undo and forgets(body.block):
        raise scope.findings.reject(forget_undone("a loop that forgets", node.span))
    complete = scope.elaboration.left_out == left_out
    return [_undone(scope, node, loop, complete) if undo else loop]


def _undone(scope: Scope, node: ast.Repeat, loop: Repeat, complete: bool) -> Repeat:
    """Return the loop that undoes a loop: a turn leaves the registers as it found them.

    What its body allocates is freed there with a check as it runs, as `undo alloc` is. What the
    body frees is claimed where the loop runs as it is written: in the program's inverse.
    """
    from revc.passes.rules.l107_unproved_free import check  # few specs have such loops

    for finding in check(loop.body, scope.elaboration.checked) if complete else ():
        scope.findings.add(finding)
    inverse = loop.inverse()
    depths = scope.elaboration.depths
    depths[id(inverse.body)] = depths[id(loop.body)]
    inside = statements(node.body)
    scope.elaboration.checked.update(one.span for one in inside if isinstance(one, ast.Alloc))
    return inverse


def _few_turns(scope: Scope, node: ast.Repeat, count: Dim) -> None:
    """Count the turns of a loop that has nets for each of them.

    Raises:
        Reported: they are too many, in it or in all loops of the spec.
    """
    turns = count.integer or 0
    scope.elaboration.turns += turns
    if turns > MOST_TURNS or scope.elaboration.turns > MOST_IN_ALL:
        text = f"of {count} turns has too many nets; `repeat .. share` has one set"
        if turns <= MOST_TURNS:
            text = f"of {count} turns is one too many: unshared loops have {MOST_IN_ALL} in all"
        raise scope.findings.reject(bad_argument("a repeat", text, node.count.span))


def _inner(scope: Scope, node: ast.Repeat, count: Dim) -> Scope:
    names, turns, regs = dict(scope.names), scope.turns, scope.regs.inner()
    if node.index is not None:
        earlier = "a value" if scope.regs.knows(node.index) else scope.visible(node.index)
        if earlier is not None:
            raise scope.findings.reject(redefined(node.index, earlier, node.span))
        names[node.index] = Dim.of(node.index)
        turns = {**turns, node.index: count}
        regs.turns[node.index] = count
    return replace(
        scope, names=names, turns=turns, parent=scope, regs=regs, slots=Slots(),
        namer=Namer(declared(node.body)), nets={}, labels={}, doubts=[], emissions=[], emitted={},
        claimed={},
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


def _counted(scope: Scope, node: ast.Repeat, count: Dim, body: Body) -> None:
    """Check what a loop without turns, or with a number of its own in each outer turn, cannot do.

    Raises:
        Reported: it has nets of its own for turns that are not known, or emits as many values.
    """
    varies = bool(count.names & scope.turns.keys())
    if varies and body.links and not node.share:
        text = "that a turn counts has one set of nets for all of its turns: say `share`"
        raise scope.findings.reject(bad_argument("a repeat", text, node.count.span))
    if body.emits and (varies or count.integer == 0):
        text = "emits a row of values a turn, so it needs as many turns each time, at least one"
        raise scope.findings.reject(bad_argument("a repeat", text, node.count.span))


def _block(
    scope: Scope, inner: Scope, node: ast.Repeat, steps: list[Instruction], name: str
) -> Body:
    regs, outer = inner.regs, scope.regs
    touched = [n for n in outer.live if n in regs.used or n in regs.written]
    registers = tuple(Register(span=node.span, name=n, type=outer.live[n]) for n in touched)
    reads = {**outer.givens, **{n: let.type for n, let in outer.lets.items()}}
    givens = tuple(
        Register(span=node.span, name=n, type=kind) for n, kind in reads.items() if n in regs.used
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
