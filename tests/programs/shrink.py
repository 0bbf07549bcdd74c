"""Make a failing program small: leave out statements as long as it fails in the same way."""

from collections.abc import Callable, Iterator
from dataclasses import replace

from revc.errors import InternalError
from revc.passes.lint import lint
from tests.programs.generate import Program


def shrunk(program: Program, fails: Callable[[Program], bool]) -> Program:
    """Return a program of fewer lines that still `fails`."""
    lines, changed = program.source.split("\n"), True
    while changed:
        changed = False
        for fewer in _smaller(lines):
            candidate = replace(program, source="\n".join(fewer))
            if _is_clean(candidate.source) and fails(candidate):
                lines, changed = fewer, True
                break
    return replace(program, source="\n".join(lines))


def _is_clean(source: str) -> bool:
    try:
        return not lint(source).denied
    except (RuntimeError, InternalError):  # lint's own fault, which the law `mutants` looks for
        return False


def _smaller(lines: list[str]) -> Iterator[list[str]]:
    """Yield the lines without one statement, two statements, or the frame of a loop."""
    spans = [(at, _end(lines, at)) for at in range(len(lines)) if _removable(lines[at])]
    for start, end in sorted(spans, key=lambda span: span[0] - span[1]):
        yield lines[:start] + lines[end:]
    for start, end in spans:
        if lines[start].endswith("{") and not lines[start].startswith("block"):
            yield lines[:start] + lines[start + 1 : end - 1] + lines[end:]
    for n, (start, end) in enumerate(spans):
        for first, last in spans[n + 1 :]:  # a pair, such as split and join
            if first >= end:
                yield lines[:start] + lines[end:first] + lines[last:]


def _removable(line: str) -> bool:
    word = line.split(" ")[0]
    return (
        bool(line.strip()) and line.strip() != "}" and word not in ("use", "dim", "state", "model")
    )


def _end(lines: list[str], start: int) -> int:
    """Return the line behind the statement that begins at `start`."""
    depth = 0
    for at in range(start, len(lines)):
        depth += lines[at].count("{") - lines[at].count("}")
        if depth == 0:
            return at + 1
    return len(lines)
