"""Updates as they were elaborated before, for an editor's long bodies: see `kept`.

An update is taken from there if it is the same node, and what it reads is as it was: registers and
givens of the same types, no `let`, and of nets built-in ones alone, which it makes where it calls
them. Its nets get the numbers and names that they have now.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from revc.grammar import ast
from revc.grammar.signatures import builtin_signatures
from revc.ir.expr import FUNCTIONS
from revc.ir.instructions import Add, Instruction
from revc.ir.nets import Builtin
from revc.ir.types import Numerics, RegType
from revc.passes.elaborate.nets.lookup import find_net
from revc.passes.elaborate.nets.slots import Draft
from revc.passes.elaborate.scope.names import Names
from revc.passes.elaborate.scope.scope import Scope

_MOST = 20_000


@dataclass(frozen=True, eq=False, repr=False)
class _Said:
    """An update that was elaborated: what it read, the nets that it made, and its instruction.

    `held` are the types of the registers and givens that it names, `words` the other names in it,
    `nets` the built-in nets that it calls; the nets that it made are numbered from `base`. The node
    is held, so that no other has its `id`.
    """

    node: ast.Update
    names: Names
    numerics: Numerics
    held: dict[str, tuple[bool, RegType]]
    words: frozenset[str]
    nets: frozenset[str]
    base: int
    drafts: tuple[Draft, ...]
    step: Add


class KeptUpdates:
    """The updates of one file and of those that it uses, as they were elaborated last."""

    def __init__(self) -> None:
        self._said: dict[int, _Said] = {}
        self._compared: dict[tuple[int, int], tuple[object, object, bool]] = {}

    def trim(self) -> None:
        """Forget all when there is too much of it: most is of texts that are gone."""
        self._compared.clear()
        if len(self._said) > _MOST:
            self._said.clear()

    def elaborated(
        self, scope: Scope, node: ast.Update, make: Callable[[], list[Instruction]]
    ) -> list[Instruction]:
        """Return the instructions of an update, as before or as `make` elaborates it.

        Raises:
            Reported: `make` does.
        """
        said = self._said.get(id(node))
        if said is not None and self._holds(scope, said):
            return [_again(scope, said)]
        base, reports = len(scope.slots.drafts), scope.findings.reports
        steps = make()
        if scope.findings.reports == reports:
            self._keep(scope, node, base, steps)
        return steps

    def _holds(self, scope: Scope, said: _Said) -> bool:
        """Say whether an update means what it meant."""
        return (
            self._equal(scope.numerics, said.numerics)
            and self._equal(scope.names, said.names)
            and all(self._is_still(scope, name, held) for name, held in said.held.items())
            and not any(scope.regs.knows(word) for word in said.words)
            and all(_is_builtin(scope, net) for net in said.nets)
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

    def _keep(self, scope: Scope, node: ast.Update, base: int, steps: list[Instruction]) -> None:
        if len(steps) != 1 or not isinstance(steps[0], Add):
            return
        held, words, nets = _named(scope, node)
        known = builtin_signatures()
        plain = all(net in known and _is_builtin(scope, net) for net in nets)
        if not plain or any(scope.regs.knows(word) for word in words):
            return
        if any(find_net(scope, word) is not None for word in words):
            return
        drafts = tuple(replace(draft) for draft in scope.slots.drafts[base:])
        self._said[id(node)] = _Said(
            node, scope.names, scope.numerics, held, words, nets, base, drafts, steps[0]
        )


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
    for name in said.held:
        scope.regs.used[name] = None
    for one in said.drafts:
        assert isinstance(one.source, Builtin)
        name = scope.namer.next(one.source.name)
        scope.slots.add(Draft(name, one.span, one.source, None, one.inputs, one.output))
    at = said.step.target
    scope.regs.change(at.name, said.node.span, at)
    if base == said.base or not said.drafts:
        return said.step
    return said.step.renumbered({said.base + i: base + i for i in range(len(said.drafts))})


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
