"""Suppression: `# revc: allow(B203) reason = "..."` on a finding's line, or alone above it."""

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

_START = r"#\s*revc:\s*(?P<rest>.*)"
_ALLOW = r'allow\((?P<codes>[^)]*)\)\s*reason\s*=\s*"(?P<reason>[^"]*\S[^"]*)"\s*$'


@dataclass(frozen=True, slots=True)
class Allow:
    """One code that one comment allows on one line."""

    code: str
    file: str
    line: int
    span: Span

    def covers(self, finding: Diagnostic) -> bool:
        """Say whether this is what the comment allows."""
        at = finding.span
        return (finding.code, at.file, at.line) == (self.code, self.file, self.line)


def allows(modules: Iterable[Module]) -> tuple[list[Allow], list[Diagnostic]]:
    """Return what the files' comments allow, and findings for comments that are malformed."""
    found: list[Allow] = []
    wrong: list[Diagnostic] = []
    for module in modules:
        for comment in module.file.comments:
            start = re.match(_START, comment.text) if "revc" in comment.text else None
            if start is None:
                continue
            match = re.match(_ALLOW, start["rest"])
            if match is None:
                text = 'write `# revc: allow(CODE) reason = "..."`, with a reason'
                wrong.append(SYNTAX.at(comment.span, text))
                continue
            for code in (part.strip() for part in match["codes"].split(",")):
                if code in MODULES:
                    found.append(_allow(code, comment))
                else:
                    wrong.append(unknown(code, comment.span))
    return found, wrong


def _allow(code: str, comment: ast.Comment) -> Allow:
    line = comment.span.line + 1 if comment.own_line else comment.span.line
    return Allow(code, comment.span.file, line, comment.span)


def apply_allows(
    findings: Iterable[Diagnostic], modules: Iterable[Module]
) -> tuple[list[Diagnostic], list[Diagnostic]]:
    """Return the findings that no comment allows, and those about the comments themselves.

    What is denied can be allowed only where its rule is waivable: the program keeps its meaning.
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
    about += [unused(allow.code, allow.span) for allow in known if allow not in used]
    return kept, about
