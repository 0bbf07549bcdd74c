"""The findings of one run: each place and code once, in the order of the files."""

from revc.grammar.diagnostics import Diagnostic


class Reported(Exception):
    """A finding was recorded: the statement that it is about is given up, the next one is read."""


class Findings:
    """Collects diagnostics; a block that is specialised twice reports the same finding once."""

    def __init__(self) -> None:
        self._found: dict[object, Diagnostic] = {}

    def add(self, diagnostic: Diagnostic) -> None:
        """Record a finding, unless the same rule has spoken at the same place."""
        self._found.setdefault((diagnostic.code, diagnostic.span), diagnostic)

    def refuse(self, diagnostic: Diagnostic) -> Reported:
        """Record a finding, and return what to raise to give up the statement."""
        self.add(diagnostic)
        return Reported()

    @property
    def all(self) -> tuple[Diagnostic, ...]:
        """Every finding so far, sorted by place."""
        return tuple(sorted(self._found.values(), key=_place))

    @property
    def count(self) -> int:
        """How many findings there are."""
        return len(self._found)

    @property
    def denied(self) -> bool:
        """Whether any finding is at level deny."""
        return any(d.level == "deny" for d in self._found.values())


def _place(diagnostic: Diagnostic) -> tuple[str, int, int, str]:
    at = diagnostic.span
    return at.file, at.line, at.column, diagnostic.code
