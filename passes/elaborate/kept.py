"""Blocks as they were elaborated before, for an editor that checks its text again at each key.

A block is taken from there if it is the same node, asked for with the same interface, in a file
whose other declarations are the same nodes too, and if nothing was found in it. Then what its
elaboration did to what all blocks share is done again: it took names, counted, noted. Where a
block's own name is taken meanwhile, or a limit is near, it is elaborated. What is found is the same
either way.
"""

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice

from revc.grammar import ast
from revc.grammar.diagnostics import Diagnostic
from revc.grammar.span import Span
from revc.passes.elaborate.bodies import Specialised
from revc.passes.elaborate.elaboration import DEPTH, MOST_VERSIONS, Elaboration, Spent
from revc.passes.elaborate.interface import Interface
from revc.passes.elaborate.kept_updates import KeptUpdates
from revc.passes.modules import Module

MOST = Spent(turns=100_000, nets=50_000, written=20_000)
"""What a spec may spend and have blocks taken from before: beyond, a limit may be near."""


@dataclass(frozen=True, eq=False, repr=False)
class Version:
    """A block as it was elaborated, and what that did besides making it.

    `calls` are the blocks that it calls by their keys, in order: it holds for these alone, which
    depend on their declarations and on what they call themselves. The others are what was added to
    the fields of an `Elaboration` of these names.
    """

    made: Specialised
    calls: dict[Hashable, Specialised]
    spent: Spent
    refused: dict[Span, Diagnostic]
    checked: frozenset[Span]
    depths: dict[int, int]


@dataclass(eq=False, repr=False)
class _Frame:
    """An elaboration in progress: what there was before it, what it calls, what those spend."""

    spent: Spent
    refused: int
    checked: frozenset[Span]
    depths: int
    shared: int
    calls: list[Hashable] = field(default_factory=list)
    inner: Spent = field(default_factory=Spent)


Plan = dict[Hashable, tuple[str, Version]]


class Kept:
    """The blocks of one file and of those that it uses, as they were elaborated last."""

    def __init__(self) -> None:
        self.updates = KeptUpdates()
        self._versions: dict[Hashable, Version] = {}
        self._faces: dict[int, Interface] = {}
        self._clean: dict[tuple[str, int], Specialised] = {}
        self._around: tuple[object, ...] = ()
        self._files: tuple[ast.File, ...] = ()
        self._frames: list[_Frame] = []

    def begin(self, modules: Iterable[Module]) -> None:
        """Forget what does not hold for these files; to be called before they are elaborated."""
        files = tuple(module.file for module in modules)
        around = tuple(part for file in files for part in _around(file))
        decls = {id(item) for file in files for item in file.items}
        same = around == self._around
        if not same:
            self.updates = KeptUpdates()
        self.updates.trim()
        self._versions = {
            key: one for key, one in self._versions.items() if same and id(one.made.decl) in decls
        }
        self._faces = {at: face for at, face in self._faces.items() if same and at in decls}
        held = {id(version.made) for version in self._versions.values()}
        self._clean = {at: one for at, one in self._clean.items() if at[1] in held}
        # The nodes are held as long as their `id` says who they are.
        self._around, self._files, self._frames = around, files, []

    def face(
        self, elaboration: Elaboration, decl: ast.BlockDecl | ast.ModelDecl,
        make: Callable[[], Interface],
    ) -> Interface:  # fmt: skip
        """Return the interface that a block declares as it was found before, else as `make` does.

        Raises:
            Reported: `make` does.
        """
        if id(decl) not in self._faces:
            before = elaboration.findings.reports
            face = make()
            if elaboration.findings.reports > before:
                return face
            self._faces[id(decl)] = face
        return self._faces[id(decl)]

    def found(
        self, rules: str, built: Specialised, found: Iterable[Diagnostic]
    ) -> Sequence[Diagnostic]:
        """Return what some rules find in a block; that it is nothing is kept.

        Args:
            rules: what the rules are called together.
            built: the block; what they find depends on it alone.
            found: what they find, worked out if it is not known that it is nothing.
        """
        if (rules, id(built)) in self._clean:
            return ()
        told = tuple(found)
        if not told:
            self._clean[rules, id(built)] = built
        return told

    def called(self, key: Hashable) -> None:
        """Note that the body that is being elaborated calls the block with this key."""
        if self._frames:
            self._frames[-1].calls.append(key)

    def elaborated(
        self, elaboration: Elaboration, key: Hashable, path: str, make: Callable[[], Specialised]
    ) -> Specialised:
        """Return a block as it was elaborated before, else as `make` elaborates it.

        Args:
            elaboration: what all blocks share.
            key: what the block is known by.
            path: the name that it has here.
            make: elaborates it.
        """
        before = elaboration.spent
        made = self._again(elaboration, key, path) or self._anew(elaboration, key, make)
        if self._frames:
            self._frames[-1].inner += elaboration.spent - before
        return made

    # --- keeping --------------------------------------------------------------------------------

    def _anew(
        self, elaboration: Elaboration, key: Hashable, make: Callable[[], Specialised]
    ) -> Specialised:
        frame = _Frame(
            elaboration.spent, len(elaboration.refused), frozenset(elaboration.checked),
            len(elaboration.depths), elaboration.shared,
        )  # fmt: skip
        self._frames.append(frame)
        try:
            made = make()
        finally:
            self._frames.pop()
        if made.whole and made.complete and elaboration.shared == frame.shared:
            self._versions[key] = Version(
                made,
                {call: elaboration.done[call] for call in frame.calls},
                elaboration.spent - frame.spent - frame.inner,
                dict(islice(elaboration.refused.items(), frame.refused, None)),
                frozenset(elaboration.checked - frame.checked),
                dict(islice(elaboration.depths.items(), frame.depths, None)),
            )
        return made

    # --- taking ---------------------------------------------------------------------------------

    def _again(self, elaboration: Elaboration, key: Hashable, path: str) -> Specialised | None:
        """Return what was kept for a key, with all done again that elaborating it did."""
        plan: Plan = {}
        if not self._planned(elaboration, key, path, plan) or not _fits(elaboration, plan):
            return None
        made = plan[key][1].made
        if len(elaboration.open) + plan[key][1].depths[id(made.block)] > DEPTH:
            return None
        for at, (name, version) in plan.items():
            _do(elaboration, version)
            if at != key:
                elaboration.take_name(name)
                elaboration.count_version(version.made.decl, version.made.decl.name_span)
                elaboration.done[at] = version.made
        return made

    def _planned(self, elaboration: Elaboration, key: Hashable, path: str, plan: Plan) -> bool:
        """Say whether a block and what it calls can be taken; add them in order, with names."""
        version = self._versions.get(key)
        if version is None or version.made.block.name != path:
            return False
        plan[key] = path, version
        for call, made in version.calls.items():
            done = plan[call][1].made if call in plan else elaboration.done.get(call)
            if done is made:
                continue
            if done is not None or call not in self._versions:
                return False
            if self._versions[call].made is not made:
                return False
            stem = made.decl.name
            name = elaboration.free_name(stem, {name for name, _ in plan.values()})
            if not self._planned(elaboration, call, name, plan):
                return False
        return True


def _fits(elaboration: Elaboration, plan: Plan) -> bool:
    """Say whether what a plan spends leaves all limits far away."""
    total = elaboration.spent
    for _, version in plan.values():
        total += version.spent
    versions = Counter(id(version.made.decl) for _, version in plan.values())
    decls = {id(version.made.decl): version.made.decl for _, version in plan.values()}
    few = all(elaboration.versions(decls[i]) + n <= MOST_VERSIONS for i, n in versions.items())
    return few and total.within(MOST)


def _do(elaboration: Elaboration, version: Version) -> None:
    """Do what elaborating a block did besides making it."""
    elaboration.spend(version.spent)
    for span, found in version.refused.items():
        elaboration.refused.setdefault(span, found)
    elaboration.checked.update(version.checked)
    elaboration.depths.update(version.depths)


def _around(file: ast.File) -> Iterable[object]:
    """Yield what blocks of a file depend on beside those that they call: other items, all names."""
    for item in file.items:
        if isinstance(item, ast.BlockDecl | ast.ModelDecl):
            yield item.kind, item.name
        else:
            yield id(item)
