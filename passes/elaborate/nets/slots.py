"""The net slots of a body, and the nets that a name stands for.

A slot is *own* (an instance that the body makes) or *linked*: to a slot of the enclosing body, to a
net that a caller passes, or to a net of a file. A caller turns links into slots of its own.
"""

from collections import Counter
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field, replace

from revc.grammar.signatures import Signature
from revc.grammar.span import Span
from revc.ir.expr import Elementwise, Expr, NetCall, renumber
from revc.ir.nets import Builtin, NetSlot, Setting, Source
from revc.ir.types import RegType, Shape

Given = dict[str, Setting]
"""The options of a built-in net by name."""


@dataclass(eq=False, repr=False)
class Draft:
    """A slot in the making; its types are known after its first call."""

    name: str
    span: Span
    source: Source
    link: Hashable = None
    inputs: tuple[RegType, ...] | None = None
    output: Shape | None = None


@dataclass(frozen=True, eq=False, repr=False)
class Net:
    """What a net's name stands for in one body.

    A composite has `params` and a `body` that reads them; any other net has one slot, `uses[0]`.
    `uses` are all slots of the body that calls touch. `signature` and `options` belong to a
    built-in net that is declared with its options alone (``net F = mlp(width = 64)``). `open` says
    that the net is one in <> of a block that is checked alone: it may be any.
    """

    name: str
    params: tuple[tuple[str, RegType], ...] | None
    result: Shape | None
    body: Expr | None
    uses: tuple[int, ...]
    signature: Signature | None = None
    options: tuple[tuple[str, Setting], ...] = ()
    open: bool = False


@dataclass(eq=False, repr=False)
class Namer:
    """Gives the instances of one scope their stable names."""

    taken: frozenset[str]
    prefix: str = ""
    counts: Counter[str] = field(default_factory=Counter)

    def next(self, stem: str) -> str:
        """Return ``prefix stem_n`` with the next n that no declared name has."""
        while True:
            name = f"{stem}_{self.counts[stem]}"
            self.counts[stem] += 1
            if name not in self.taken:
                return self.prefix + name


@dataclass(eq=False, repr=False)
class Slots:
    """The slots of one body, in program order."""

    drafts: list[Draft] = field(default_factory=list)
    linked: dict[Hashable, int] = field(default_factory=dict)

    def add(self, draft: Draft) -> int:
        """Append a slot and return its index."""
        self.drafts.append(draft)
        return len(self.drafts) - 1

    def link(self, key: Hashable, name: str, like: Draft) -> int:
        """Return the slot linked to `key`, made after `like` on its first use."""
        if key not in self.linked:
            self.linked[key] = self.add(replace(like, name=name, link=key))
        return self.linked[key]

    def freeze(self) -> "tuple[tuple[NetSlot, ...], tuple[Hashable, ...], dict[int, int]]":
        """Return the slots that are called, their links, and where each old index went."""
        self._tell_apart()
        called = [i for i, draft in enumerate(self.drafts) if draft.output is not None]
        where = {old: new for new, old in enumerate(called)}
        frozen = tuple(_frozen(self.drafts[i], where) for i in called)
        return frozen, tuple(self.drafts[i].link for i in called), where

    def _tell_apart(self) -> None:
        """Rename linked slots that are called as another is; own names are public and stay."""
        taken = {draft.name for draft in self.drafts if draft.link is None}
        for draft in self.drafts:
            if draft.link is not None:
                while draft.name in taken:
                    draft.name += "_outer"
                taken.add(draft.name)


def _frozen(draft: Draft, where: dict[int, int]) -> NetSlot:
    assert draft.inputs is not None
    assert draft.output is not None
    return NetSlot(
        span=draft.span,
        name=draft.name,
        source=retied(draft.source, where.__getitem__),
        inputs=draft.inputs,
        output=draft.output,
    )


def retied(source: Source, where: Callable[[int], int]) -> Source:
    """Return `source` with the slot that it is tied to renumbered."""
    if isinstance(source, Builtin) and source.tied is not None:
        return source.replace(tied=where(source.tied))
    return source


def import_net(
    net: Net, origin: Slots, into: Slots, key: Callable[[int], Hashable], name: str
) -> Net:
    """Return `net` of the body that has `origin` as a net of the body that has `into`.

    Its k-th slot is linked to ``key(k)``, and `name` takes the place of the net's own.
    """
    where: dict[int, int] = {}
    for k, slot in enumerate(net.uses):
        draft = origin.drafts[slot]
        own = draft.name == net.name or draft.name.startswith(f"{net.name}.")
        inner = draft.name.removeprefix(net.name) if own else f".{draft.name}"
        where[slot] = into.link(key(k), name + inner, draft)
    for slot in net.uses:
        local = into.drafts[where[slot]]
        local.source = retied(origin.drafts[slot].source, where.__getitem__)
    body = renumber(net.body, where) if net.body is not None else None
    return replace(net, name=name, uses=tuple(where.values()), body=body)


def closure(slots: Slots, called: Iterable[int]) -> tuple[int, ...]:
    """Return `called` and the slots that they are tied to, each once."""
    found: dict[int, None] = {}
    for slot in called:
        found.setdefault(slot)
        source = slots.drafts[slot].source
        if isinstance(source, Builtin) and source.tied is not None:
            found.setdefault(source.tied)
    return tuple(found)


def called(expr: Expr) -> tuple[int, ...]:
    """Return the slots that `expr` calls in the order of the text, each once."""
    if isinstance(expr, NetCall):
        inner = [slot for arg in expr.args for slot in called(arg)]
        return tuple(dict.fromkeys([expr.slot, *inner]))
    if isinstance(expr, Elementwise):
        return tuple(dict.fromkeys(slot for arg in expr.args for slot in called(arg)))
    return ()
