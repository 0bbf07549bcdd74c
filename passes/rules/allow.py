"""Suppression: `# revc: allow(B203) reason = "..."` behind a statement, or alone above it.

It holds for all lines of the statement; for what has a body, for those up to its `{`.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from revc.grammar import ast
from revc.grammar.diagnostics import Diagnostic
from revc.grammar.span import Span
from revc.passes.modules import Module
from revc.passes.rules.registry import MODULES, rule
from revc.passes.rules.s001_syntax import RULE as SYNTAX
from revc.passes.rules.y803_unused_allow import not_waived, unknown, unused

_START = r"#\s*revc:\s*(?P<rest>allow\b.*|\w+\s*\(.*)"  # `# revc: see above` is for people
_ALLOW = r'allow\((?P<codes>[^)]*)\)\s*reason\s*=\s*"(?P<reason>[^"]*\S[^"]*)"\s*$'


Lines = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Allow:
    """One code that one comment allows on some lines, from the first to the last."""

    code: str
    file: str
    lines: Lines
    reason: str
    comment: ast.Comment

    def covers(self, finding: Diagnostic) -> bool:
        """Say whether this is what the comment allows."""
        at = finding.span
        return (finding.code, at.file) == (self.code, self.file) and self.holds(at.line)

    def holds(self, line: int) -> bool:
        """Say whether the comment is about a line."""
        return self.lines[0] <= line <= self.lines[1]

    @property
    def span(self) -> Span:
        """Where the comment stands."""
        return self.comment.span


def allows(modules: Iterable[Module]) -> tuple[list[Allow], list[Diagnostic]]:
    """Return what the files' comments allow, and findings for comments that are malformed."""
    found: list[Allow] = []
    wrong: list[Diagnostic] = []
    for module in modules:
        comments = [one for one in module.file.comments if "revc" in one.text]
        started = [(one, re.match(_START, one.text)) for one in comments]
        about = _Statements(module.file) if any(start for _, start in started) else None
        for comment, start in started:
            if start is None or about is None:
                continue
            match = re.match(_ALLOW, start["rest"])
            if match is None:
                text = 'write `# revc: allow(CODE) reason = "..."`, with a reason'
                wrong.append(SYNTAX.at(comment.span, text))
                continue
            for code in (part.strip() for part in match["codes"].split(",")):
                if code in MODULES:
                    where = comment.span.file, about.lines(comment)
                    found.append(Allow(code, *where, match["reason"], comment))
                else:
                    wrong.append(unknown(code, comment.span))
    return found, wrong


class _Statements:
    """Which lines of a file are of one statement."""

    def __init__(self, file: ast.File) -> None:
        self._lines: dict[int, Lines] = {}
        self._alone = {one.span.line for one in file.comments if one.own_line}
        for item in file.items:
            self._add(item)

    def _add(self, node: ast.Node) -> None:
        held = node.statement if isinstance(node, ast.Undo) else node
        body = held.body if isinstance(held, ast.BlockDecl | ast.ModelDecl | ast.Repeat) else ()
        first, last = node.span.line, node.span.end_line
        if isinstance(held, ast.BlockDecl | ast.ModelDecl | ast.Repeat):
            last = max(first, body[0].span.line - 1) if body else first
        self._lines.update(dict.fromkeys(range(first, last + 1), (first, last)))
        for statement in body:
            self._add(statement)

    def lines(self, comment: ast.Comment) -> Lines:
        """Return the lines of the statement that a comment is about."""
        line = comment.span.line
        while comment.own_line and line in self._alone:
            line += 1
        return self._lines.get(line, (line, line))


def apply_allows(
    findings: Iterable[Diagnostic], modules: Iterable[Module], main: Module
) -> tuple[list[Diagnostic], list[Diagnostic]]:
    """Return the findings that no comment allows, and those about the comments themselves.

    What is denied can be allowed only where its rule is waivable: the program keeps its meaning.
    What files allow that the main one uses is judged as they are checked: here not all of them is.
    """
    known, about = allows(modules)
    used: set[Allow] = set()
    kept = []
    for finding in findings:
        covering = [allow for allow in known if allow.covers(finding)]
        used.update(covering)
        waived = finding.level != "deny" or rule(finding.code).waivable
        if not (covering and waived):
            kept.append(finding)
            about += [not_waived(allow.code, allow.span) for allow in covering]
    own = (allow for allow in known if allow.file == main.file.span.file)
    about += [unused(allow.code, allow.span) for allow in own if allow not in used]
    return kept, about
