"""Updates as they were elaborated before, for an editor's long bodies: see `kept`.

An update is taken from there if it is the same node, or one that stood further up or down, and what
it reads is as it was: registers and
givens of the same types, no `let`, and of nets built-in ones alone, which it makes where it calls
them or which its body declares. Its nets get the numbers and names that they have now.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

from revc.grammar import ast
from revc.grammar.lowered import lowered
from revc.grammar.signatures import Signature, builtin_signatures
from revc.ir.expr import FUNCTIONS, renumber
from revc.ir.instructions import Add, Instruction
from revc.ir.nets import Builtin, Setting, Source
from revc.ir.types import Numerics, RegType, Shape
from revc.passes.elaborate.nets.lookup import find_net
from revc.passes.elaborate.nets.slots import Draft
from revc.passes.elaborate.scope.names import Names
from revc.passes.elaborate.scope.scope import Scope

_MOST = 20_000


@dataclass(frozen=True, eq=False, repr=False)
class _Said:
    """An update that was elaborated: what it read, the nets that it made, and its instruction.

    `reads` is what it depends on, `called` what it did to nets of its body; the nets that it made
    are numbered from `base`.
    """

    reads: "_Reads"
    called: tuple["_Called", ...]
    base: int
    drafts: tuple[Draft, ...]
    step: Add


class _Reads(NamedTuple):
    """What an update depends on.

    `held` are the types of the registers and givens that it names, `words` the other names in it,
    `nets` the built-in nets that it calls, `declared` those of its body, as they were before it.
    The node is held, so that no other has its `id`.
    """

    node: ast.Update
    names: Names
    numerics: Numerics
    held: dict[str, tuple[bool, RegType]]
    words: frozenset[str]
    nets: frozenset[str]
    declared: dict[str, "_State"]


class _State(NamedTuple):
    """A net that a body declares by its options, at some point of the body."""

    slot: int
    signature: Signature
    options: tuple[tuple[str, Setting], ...]
    source: Source
    inputs: tuple[RegType, ...] | None
    output: Shape | None


class _Called(NamedTuple):
    """What an update made of a net of its body: its number then, and what it was afterwards."""

    name: str
    slot: int
    source: Source
    inputs: tuple[RegType, ...] | None
    output: Shape | None


class KeptUpdates:
    """The updates of one file and of those that it uses, as they were elaborated last."""

    def __init__(self) -> None:
        self._said: dict[int, _Said] = {}
        self._last: dict[int, _Said] = {}
        self._compared: dict[tuple[int, int], tuple[object, object, bool]] = {}

    def trim(self) -> None:
        """Forget all but the last text's when there is too much of it: most of it is gone."""
        self._compared.clear()
        if len(self._said) > _MOST:
            self._said = self._last
        self._last = {}

    def elaborated(
        self, scope: Scope, node: ast.Update, make: Callable[[], list[Instruction]]
    ) -> list[Instruction]:
        """Return the instructions of an update, as before or as `make` elaborates it.

        Raises:
            Reported: `make` does.
        """
        said = self._said.get(id(node)) or self._lowered(node)
        if said is not None and self._holds(scope, said.reads):
            self._last[id(node)] = said
            return [_again(scope, said)]
        reads = _read(scope, node)
        base, reports = len(scope.slots.drafts), scope.findings.reports
        steps = make()
        if reads is not None and scope.findings.reports == reports:
            self._keep(scope, reads, base, steps)
        return steps

    def _lowered(self, node: ast.Update) -> _Said | None:
        """Return what was kept of the update that this one is a copy of, as it is here."""
        origin = getattr(node, "origin", None)
        if origin is None:
            return None
        object.__delattr__(node, "origin")  # asked for once: else no text would ever be forgotten
        first, by = origin
        said = self._said.get(id(first))
        if said is None:
            return None
        made = [
            Draft(one.name, one.span.down(by), one.source, None, one.inputs, one.output)
            for one in said.drafts
        ]
        reads, step = said.reads._replace(node=node), lowered(said.step, by)
        self._said[id(node)] = _Said(reads, said.called, said.base, tuple(made), step)
        return self._said[id(node)]

    def _holds(self, scope: Scope, reads: _Reads) -> bool:
        """Say whether an update means what it meant."""
        return (
            self._equal(scope.numerics, reads.numerics)
            and self._equal(scope.names, reads.names)
            and all(self._is_still(scope, name, held) for name, held in reads.held.items())
            and not any(scope.regs.knows(word) for word in reads.words)
            and all(_is_builtin(scope, net) for net in reads.nets)
            and all(self._is_as(scope, name, net) for name, net in reads.declared.items())
        )

    def _is_as(self, scope: Scope, name: str, before: _State) -> bool:
        """Say whether a net of the body is what it was; its number may be another."""
        now = _state(scope, name)
        return now is not None and all(
            self._equal(one, other) for one, other in zip(now[1:], before[1:], strict=True)
        )

    def _is_still(self, scope: Scope, name: str, held: tuple[bool, RegType]) -> bool:
        kind = _kind(scope, name)
        return kind is not None and kind[0] == held[0] and self._equal(kind[1], held[1])

    def _equal(self, one: object, other: object) -> bool:
        """Compare two things, each pair once: thousands of updates read the same few registers."""
        if one is other:
            return True
        pair = id(one), id(other)
        if pair not in self._compared:
            self._compared[pair] = one, other, one == other  # held, as their `id` is the key
        return self._compared[pair][2]

    def _keep(self, scope: Scope, reads: _Reads, base: int, steps: list[Instruction]) -> None:
        if len(steps) != 1 or not isinstance(steps[0], Add):
            return
        called = tuple(_called(scope, name, net.slot) for name, net in reads.declared.items())
        drafts = tuple(replace(draft) for draft in scope.slots.drafts[base:])
        made = _Said(reads, called, base, drafts, steps[0])
        self._said[id(reads.node)] = self._last[id(reads.node)] = made


def _read(scope: Scope, node: ast.Update) -> _Reads | None:
    """Return what an update depends on; None where that is more than can be kept."""
    held, words, calls = _named(scope, node)
    if any(scope.regs.knows(word) or find_net(scope, word) is not None for word in words):
        return None
    declared: dict[str, _State] = {}
    known = builtin_signatures()
    for net in calls:
        if (state := _state(scope, net)) is not None:
            declared[net] = state
        elif net not in known or not _is_builtin(scope, net):
            return None
    nets = calls - declared.keys()
    return _Reads(node, scope.names, scope.numerics, held, words, nets, declared)


def _state(scope: Scope, name: str) -> _State | None:
    """Return a net that this body declares by its options, and ties to none; None for any other."""
    net = scope.nets.get(name)
    if net is None or net.signature is None:
        return None
    draft = scope.slots.drafts[net.uses[0]]
    if draft.link is not None or not isinstance(draft.source, Builtin):
        return None
    if draft.source.tied is not None:
        return None
    return _State(net.uses[0], net.signature, net.options, draft.source, draft.inputs, draft.output)


def _called(scope: Scope, name: str, slot: int) -> _Called:
    draft = scope.slots.drafts[slot]
    return _Called(name, slot, draft.source, draft.inputs, draft.output)


def _named(
    scope: Scope, node: ast.Update
) -> tuple[dict[str, tuple[bool, RegType]], frozenset[str], frozenset[str]]:
    """Return the registers and givens that an update names, other names, the nets it calls."""
    nodes = list(ast.walk(node))
    ids = dict.fromkeys(one.id for one in nodes if isinstance(one, ast.Name))
    held = {name: kind for name in ids if (kind := _kind(scope, name)) is not None}
    calls = frozenset(one.func for one in nodes if isinstance(one, ast.Call)) - set(FUNCTIONS)
    return held, frozenset(ids) - held.keys(), calls


def _kind(scope: Scope, name: str) -> tuple[bool, RegType] | None:
    """Return whether a name is a register's, with its type; None if it is no given's either."""
    regs = scope.regs
    if name in regs.live:
        return True, regs.live[name]
    return (False, regs.givens[name]) if name in regs.givens else None


def _is_builtin(scope: Scope, net: str) -> bool:
    """Say whether a name calls a built-in net here."""
    imported = scope.module.imports.get(net, scope) is None
    return imported and find_net(scope, net) is None


def _again(scope: Scope, said: _Said) -> Add:
    """Do what elaborating an update did, and return its instruction."""
    base = len(scope.slots.drafts)
    where = {said.base + i: base + i for i in range(len(said.drafts))}
    for net in said.called:
        where[net.slot] = slot = scope.nets[net.name].uses[0]
        draft = scope.slots.drafts[slot]
        draft.source, draft.inputs, draft.output = net.source, net.inputs, net.output
    for name in said.reads.held:
        scope.regs.used[name] = None
    for one in said.drafts:
        assert isinstance(one.source, Builtin)
        name = scope.namer.next(one.source.name)
        scope.slots.add(Draft(name, one.span, one.source, None, one.inputs, one.output))
    at = said.step.target
    scope.regs.change(at.name, said.reads.node.span, at)
    same = all(old == new for old, new in where.items())
    return said.step if same else said.step.map(lambda value: renumber(value, where))


def kept_update(
    scope: Scope, node: ast.Update, make: Callable[[], list[Instruction]]
) -> list[Instruction]:
    """Return the instructions of an update; as before where an editor keeps them.

    Raises:
        Reported: `make`, which elaborates it, does.
    """
    kept = scope.elaboration.kept
    if kept is None or scope.parent is not None or scope.turns:
        return make()
    return kept.updates.elaborated(scope, node, make)
