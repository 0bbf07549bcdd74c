"""What a rule is: its code, its level, its page, its check, and how it makes a finding.

A rule is one file. It holds `RULE` and either a `check`, which the front door runs on what the
registry says, or the predicates that elaboration asks as it goes, since it cannot go on without.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Literal

from revc.grammar.diagnostics import Diagnostic, Fix, Level
from revc.grammar.span import Span

Subject = Literal[
    "file", "bijections", "nets", "modules", "block", "bits", "model", "memory", "program",
    "support", "proof",
]  # fmt: skip
"""What a check looks at.

``file``: the main file, a `Module`. ``bijections``: the same, and what may run those it declares.
``nets``: the `NetSlot`s of a block or file, and what may run them. ``modules``: those among them
that are torch's, likewise. ``block``: a `Block`, and the places that are checked as they run.
``bits``: a `Block` in which stacks are pushed and popped. ``model``: the `Program` of each model,
before any pass. ``memory``: that, and what counts a step. ``program``: the one that is compiled,
whose sizes must be bound. ``support``: a `Block`, when nothing else is wrong with it. ``proof``:
the `Proof` of each block and model, where unknown verdicts are denied.
"""
Check = Callable[..., Iterator[Diagnostic]]


@dataclass(frozen=True, slots=True)
class Page:
    """What `revc explain` prints; `bad` gives exactly the rule's code and `good` is clean.

    `when` says what makes the rule speak: linting, only compiling, or only ``--deny unknown`` or
    ``--probe``.
    """

    what: str
    why: str
    bad: str
    good: str
    source: str
    when: Literal["lint", "compile", "deny unknown", "probe"] = "lint"


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule; `page` is its documentation.

    A program with a finding of a `waivable` rule still has a meaning: `allow` lets it compile.
    """

    code: str
    name: str
    level: Level
    page: Page = field(repr=False)
    waivable: bool = False

    def at(
        self, span: Span, message: str, *notes: str, level: Level | None = None,
        help: str | None = None, witness: str | None = None, fix: Fix | None = None,
        about: tuple[object, ...] = (),
    ) -> Diagnostic:  # fmt: skip
        """Return a finding of this rule at `span`; `help` names its repair, `fix` makes it.

        A repair that is worked out on the tree (`passes/repairs`) is told what it is `about`.
        """
        helps = () if help is None else (help,)
        return Diagnostic(
            self.code, self.name, level or self.level, message, span, notes, helps, witness, fix,
            about,
        )  # fmt: skip


def hint(name: str, known: Iterable[str]) -> str:
    """Return ``; did you mean `Attn`?``, or nothing when no known name is close."""
    close = nearest(name, known)
    return f"; did you mean `{close}`?" if close else ""


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that `name` is most likely a slip for, None when none is close."""
    from difflib import get_close_matches  # slow to import, and needed for findings alone

    names = list(known)
    other_case = [one for one in names if one.casefold() == name.casefold()]
    close = other_case[:1] or get_close_matches(name, names, n=1)
    return close[0] if close else None
