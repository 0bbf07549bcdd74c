"""The findings of one run: each place and code once, in the order of the files."""

from revc.grammar.diagnostics import Diagnostic


class Reported(Exception):
    """A finding was recorded: the statement that it is about is given up, the next one is read."""


class Findings:
    """Collects diagnostics; a block that is specialised twice reports the same finding once.

    `reports` counts also what was found before: a body during which it does not grow is whole.
    `denials` are those of them at level deny.
    """

    def __init__(self) -> None:
        self._found: dict[object, Diagnostic] = {}
        self.reports = 0
        self.denials = 0

    def add(self, diagnostic: Diagnostic) -> None:
        """Record a finding, unless the same rule has spoken at the same place."""
        self.reports += 1
        self.denials += diagnostic.level == "deny"
        self._found.setdefault((diagnostic.code, diagnostic.span), diagnostic)

    def reject(self, diagnostic: Diagnostic) -> Reported:
        """Record a finding, and return what to raise to give up the statement."""
        self.add(diagnostic)
        return Reported()

    @property
    def all(self) -> tuple[Diagnostic, ...]:
        """Every finding so far, sorted by place."""
        return tuple(sorted(self._found.values(), key=by_place))

    def demand(self, wrong: Diagnostic | None) -> None:
        """Go on if nothing is wrong.

        Raises:
            Reported: something is; it is recorded.
        """
        if wrong is not None:
            raise self.reject(wrong)

    def again(self) -> None:
        """Note that something is wrong here that was reported before."""
        self.reports += 1

    def copy(self) -> "Findings":
        """Return a collection of its own with the same findings."""
        other = Findings()
        other._found = dict(self._found)
        return other

    @property
    def denied(self) -> bool:
        """Whether any finding is at level deny."""
        return any(d.level == "deny" for d in self._found.values())


def by_place(diagnostic: Diagnostic) -> tuple[str, int, int, str]:
    """Return what findings are sorted by: file, line, column, code."""
    at = diagnostic.span
    return at.file, at.line, at.column, diagnostic.code
