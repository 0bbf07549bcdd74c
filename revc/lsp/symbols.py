"""Things with names, where they are named, and which of them are in reach."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from revc.grammar.span import Span

Place = tuple[int, int]


@dataclass(eq=False)
class Symbol:
    """One thing with a name. `module` is the file that an imported one comes from, as written.

    `spans` are all places of the name, in the order in which they were met, and `made` those of
    them that declare it; a register may be made several times.
    """

    name: str
    kind: str
    module: str | None = None
    spans: list[Span] = field(default_factory=list)
    made: list[Span] = field(default_factory=list)

    def definition(self, at: Span) -> Span | None:
        """Return the place that makes what stands at `at`: the last one up to there."""
        before = [span for span in self.made if start(span) <= start(at)]
        return max(before, key=start) if before else (self.made[0] if self.made else None)


@dataclass(eq=False)
class Scope:
    """Names in reach, by their sort: ``value`` for what expressions read, ``size``, ``net``, .."""

    outer: "Scope | None" = None
    names: dict[tuple[str, str], Symbol] = field(default_factory=dict)

    def find(self, name: str, sorts: Sequence[str]) -> Symbol | None:
        """Return what a name stands for: the first sort that has it, inner scopes first."""
        for sort in sorts:
            scope: Scope | None = self
            while scope is not None:
                if (sort, name) in scope.names:
                    return scope.names[sort, name]
                scope = scope.outer
        return None


def start(span: Span) -> Place:
    """Return where a span starts."""
    return span.line, span.column


def end(span: Span) -> Place:
    """Return where a span ends."""
    return span.end_line, span.end_column
