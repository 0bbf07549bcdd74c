"""The comments of an inverse that allow what those of its original do, where it is found there.

What a comment allows may be found at another statement of the inverse: a net gets a declaration of
its own, a loop that was undone runs forth. So each comment is tried wherever something of its
statement went, and those that allow nothing there are left out.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from revc.grammar import ast
from revc.grammar.printer import print_file
from revc.passes.rules.allow import Allow, allows
from revc.passes.rules.y803_unused_allow import RULE as UNUSED
from revc.passes.sources import DISK, Sources, Text
from revc.passes.spec import Spec


def print_allowed(
    spec: Spec, source: str | Path | Text, file: ast.File, inverted: Collection[int]
) -> str:
    """Return an inverse as source, with the comments that allow what is found in it.

    Args:
        spec: what it is the inverse of.
        source: what `spec` was read from.
        file: the inverse.
        inverted: the `id` of each statement in it that is not the original's.
    """
    allowed, _ = allows([spec.main])
    if not allowed:
        return print_file(file)
    tried = _Tried(allowed, inverted)
    text = print_file(file, tried.numbered)
    lines, named = text.splitlines(), spec.main.file.span.file
    findings = _read(source, text).findings
    unused = {
        one.span.line for one in findings if (one.code, one.span.file) == (UNUSED.code, named)
    }
    tried.leave_out({lines[line - 1].strip() for line in unused})
    return print_file(file, tried.worded)


def _read(source: str | Path | Text, text: str) -> Spec:
    """Return `text` as a spec that stands where `source` does."""
    if isinstance(source, Text):
        return Spec(replace(source, text=text))
    if DISK.main(source).folder is None:
        return Spec(text)
    return Spec(source, sources=Sources({source: text}))


class _Tried:
    """Which comments are tried above which statements."""

    def __init__(self, allowed: Sequence[Allow], inverted: Collection[int]) -> None:
        self.allowed, self.inverted = allowed, inverted
        self._numbers: dict[tuple[int, int], int] = {}
        self._out: set[str] = set()

    def numbered(self, node: ast.Node) -> list[str]:
        """Return the comments above a statement, those that are tried with a number as reason."""
        if id(node) not in self.inverted:
            return self._original(node)
        return [comment for comment, _ in self._candidates(node)]

    def leave_out(self, comments: Collection[str]) -> None:
        """Leave out some of the comments that were tried."""
        self._out.update(comments)

    def worded(self, node: ast.Node) -> list[str]:
        """Return the comments above a statement with their reasons, but for those left out."""
        if id(node) not in self.inverted:
            return self._original(node)
        kept: dict[str, list[str]] = {}
        for comment, allow in self._candidates(node):
            codes = kept.setdefault(allow.reason, [])
            if comment not in self._out and allow.code not in codes:
                codes.append(allow.code)
        return [_comment(", ".join(codes), why) for why, codes in kept.items() if codes]

    def _original(self, node: ast.Node) -> list[str]:
        return list(dict.fromkeys(allow.comment.text for allow in self._about(node)))

    def _candidates(self, node: ast.Node) -> Iterator[tuple[str, Allow]]:
        for allow in self._about(node):
            key = id(node), id(allow)
            number = self._numbers.setdefault(key, len(self._numbers))
            yield _comment(allow.code, f"number {number}"), allow

    def _about(self, node: ast.Node) -> Iterator[Allow]:
        at = node.span
        return (one for one in self.allowed if one.file == at.file and one.holds(at.line))


def _comment(codes: str, reason: str) -> str:
    return f'# revc: allow({codes}) reason = "{reason}"'
