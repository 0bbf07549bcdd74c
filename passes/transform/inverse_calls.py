"""Block calls inverted in source: what goes back in, and by which names it comes out.

A call leaves its results under the names that the block gives them, and the inverse call leaves the
arguments under those of the block's parameters. Where the caller has other names, they are changed
behind the inverse call: a `join` of one part is a new name.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from revc.grammar import ast
from revc.grammar.span import Span
from revc.ir.instructions import BlockCall
from revc.ir.live_types import typed
from revc.ir.program import Block


@dataclass(frozen=True)
class Passed:
    """A block call, and what besides its results has a name behind it."""

    call: BlockCall
    others: frozenset[str]


def calls_of(model: Block) -> dict[Span, Passed]:
    """Return the calls of a model's body, at any depth of its loops, by where they stand."""
    found: dict[Span, Passed] = {}
    waiting = [(model, frozenset(given.name for given in model.givens))]
    while waiting:
        block, outer = waiting.pop()
        for step, _, after in typed(block):
            live = outer | after.keys()
            if isinstance(step, BlockCall):
                found[step.span] = Passed(step, live - set(step.results))
            else:
                waiting += [(inner, live) for inner in step.inner()]
    return found


def inverse_call(node: ast.BlockCall, passed: Passed | None, taken: set[str]) -> list[ast.Stmt]:
    """Return the statements that undo a call; `taken` are the names that a new one may not have."""
    undone = node.replace(uncall=not node.uncall)
    if passed is None:
        return [undone]
    given, back = _names(passed.call)
    if given == [name.id for name in _state(node, passed.call)] == back:
        return [undone]
    aside = {
        name: _fresh(name, taken)
        for name, wanted in zip(back, passed.call.args, strict=True)
        if name != wanted and name in passed.others
    }
    others = [arg for arg in node.args if not _is_state(arg, passed.call)]
    args = [_arg(node, name) for name in given] + [_renamed(arg, aside) for arg in others]
    undone = undone.replace(args=tuple(args))
    wanted = dict(zip(back, passed.call.args, strict=True)) | {
        new: name for name, new in aside.items()
    }
    before = [_rename(node, name, new) for name, new in aside.items()]
    behind = [_rename(node, *pair) for pair in _in_turn(wanted, taken)]
    return [*before, undone, *behind]


def _names(call: BlockCall) -> tuple[list[str], list[str]]:
    """Return what the inverse call is passed, and the names that its results have then."""
    takes, gives = call.block.takes, call.block.gives
    if call.undo:
        takes, gives = gives, takes
    held = {register.name: name for register, name in zip(gives, call.results, strict=True)}
    return list(call.results), [held.get(register.name, register.name) for register in takes]


def _is_state(arg: ast.Arg, call: BlockCall) -> bool:
    return isinstance(arg.value, ast.Name) and arg.value.id in call.args


def _state(node: ast.BlockCall, call: BlockCall) -> list[ast.Name]:
    """Return the registers that a call passes, as they stand in the text."""
    return [a.value for a in node.args if isinstance(a.value, ast.Name) and _is_state(a, call)]


def _arg(node: ast.BlockCall, name: str) -> ast.Arg:
    value = ast.Name(span=node.span, id=name)
    return ast.Arg(span=node.span, name=None, value=value)


def _renamed(arg: ast.Arg, names: Mapping[str, str]) -> ast.Arg:
    """Let a given be read by the name that its register has for the time of the call."""
    value = arg.value
    read = value.base if isinstance(value, ast.Index) else value
    if not isinstance(read, ast.Name) or read.id not in names:
        return arg
    other: ast.Expr = read.replace(id=names[read.id])
    if isinstance(value, ast.Index):
        other = value.replace(base=other)
    return arg.replace(value=other)


def _rename(node: ast.BlockCall, name: str, new: str) -> ast.Join:
    part = ast.Name(span=node.span, id=name)
    target = ast.Name(span=node.span, id=new)
    return ast.Join(span=node.span, parts=(part,), target=target, axis=None)


def _in_turn(wanted: Mapping[str, str], taken: set[str]) -> Iterator[tuple[str, str]]:
    """Yield single changes of names that give all names at once what they are wanted to be."""
    rest = {name: new for name, new in wanted.items() if name != new}
    while rest:
        free = next((name for name, new in rest.items() if new not in rest), None)
        if free is not None:
            yield free, rest.pop(free)
            continue
        name = next(iter(rest))
        other = _fresh(name, taken)
        yield name, other
        rest[other] = rest.pop(name)


def _fresh(name: str, taken: set[str]) -> str:
    count = 1
    while f"{name}_{count}" in taken:
        count += 1
    taken.add(f"{name}_{count}")
    return f"{name}_{count}"
