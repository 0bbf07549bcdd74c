"""P704: a register that the turns of a loop read, and that nothing ever changes."""

from collections.abc import Container, Iterator

from revc.grammar.diagnostics import Diagnostic
from revc.ir.expr import NetCall, reads, walk
from revc.ir.instructions import BlockCall, Instruction, Join, Repeat, Split
from revc.ir.memo import per_node
from revc.ir.program import Block, Program
from revc.passes.rules.base import Page, Rule

RULE = Rule(
    "P704",
    "stale-half",
    "warn",
    Page(
        what="The turns of a loop read a register by nets, and no statement of the model ever "
        "changes it.",
        why="Every turn computes from the same values, so depth adds little; as a rule the update "
        "of the other half was left out, or names the wrong register. What is only read is "
        "`given`, and needs no rebuild.",
        bad="""
use std.nets: mlp
dim B, c = 8
state lattice(Q12.20)
model M(a, b: [B, c]) {
  repeat 6 { a += mlp(b, width = 4*c) }
}
""",
        good="""
use std.nets: mlp
dim B, c = 8
state lattice(Q12.20)
model M(a, b: [B, c]) {
  repeat 6 {
    a += mlp(b, width = 4*c)
    b += mlp(a, width = 4*c)
  }
}
""",
        source="Dinh, Krueger, Bengio, NICE (2014), section 3.2: halves take turns",
    ),
)


def check(program: Program) -> Iterator[Diagnostic]:
    """Yield a finding for each register of a model that its loops read and nothing changes."""
    model = program.model
    loops = [step for step in model.body if isinstance(step, Repeat)]
    if not loops:
        return
    parts = [part for step in model.body if isinstance(step, Split) for part in step.parts]
    state = {register.name for register in model.takes} | set(parts)
    ended = {name for step in model.body for name in _ends(step)}
    stale = state - ended - _changed(model)
    for loop in loops:
        often = loop.count.integer
        for name in sorted(stale & _read(loop.body)) if often is None or often > 1 else ():
            stale.discard(name)
            help = f"update it too, or declare it `given {name}` if it is only read"
            yield RULE.at(
                loop.span, f"every turn reads `{name}`, and nothing changes it", help=help
            )


def _ends(step: Instruction) -> tuple[str, ...]:
    """Return the registers that a statement takes for good, but to join them."""
    kept = isinstance(step, BlockCall | Repeat | Join | Split)
    return () if kept else tuple(place.name for place in step.targets())


@per_node
def _changed(block: Block) -> frozenset[str]:
    """Return the registers of a block that a statement of its, or of what it runs, changes."""
    found = set[str]()
    for step in block.body:
        match step:
            case BlockCall():
                found.update(_outside(step, _changed(step.block)))
            case Repeat():
                found |= _changed(step.body)
            case Join() | Split():
                pass
            case _:
                found.update(place.name for place in step.targets())
    return frozenset(found)


@per_node
def _read(block: Block) -> frozenset[str]:
    """Return the registers of a loop's body that nets of it, or of what it calls, read whole.

    Another slice each turn is another value.
    """
    found = set[str]()
    for step in block.body:
        nodes = (node for value in step.values() for node in walk(value))
        nets = (node for node in nodes if isinstance(node, NetCall))
        whole = (read.place for net in nets for read in reads(net) if not read.place.index)
        found.update(place.name for place in whole)
        match step:
            case BlockCall() if _in_place(step):
                found.update(_outside(step, _read(step.block)))
            case Repeat():
                found |= _read(step.body)
    return frozenset(found)


def _outside(step: BlockCall, names: Container[str]) -> Iterator[str]:
    """Yield the caller's names of some of a callee's registers; all that moves counts as such."""
    if not _in_place(step):
        yield from (*step.args, *step.results)
        return
    for name, register in zip(step.args, step.block.takes, strict=True):
        if register.name in names:
            yield name


def _in_place(step: BlockCall) -> bool:
    """Say whether a call leaves every register under the name that it had."""
    takes, gives = step.block.takes, step.block.gives
    same = [one.name for one in takes] == [one.name for one in gives]
    return same and step.args == step.results
