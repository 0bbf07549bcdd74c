"""S003: an argument that its callee does not have, or one that it needs and was not given."""

from collections.abc import Iterable

from revc.grammar.diagnostics import Diagnostic, renamed
from revc.grammar.span import Span
from revc.passes.analysis.arguments import Formals, Matched
from revc.passes.rules.base import Page, Rule, hint, nearest

RULE = Rule(
    "S003",
    "unknown-argument",
    "deny",
    Page(
        what="A call gives an argument that its callee does not take, gives one twice, or leaves "
        "out one that has no default.",
        why="Options have defaults; a misspelt option would silently leave its default in force.",
        bad="""
use std.nets: attention
dim B, T, c = 64
state lattice(Q12.20)
model M(a, b: [B, T, c]) {
  a += attention(b, heads = 8, casual = true)
}
""",
        good="""
use std.nets: attention
dim B, T, c = 64
state lattice(Q12.20)
model M(a, b: [B, T, c]) {
  a += attention(b, heads = 8, causal = true)
}
""",
        source="docs/language.md, nets",
    ),
)


def unfit_argument(formals: Formals, matched: Matched) -> Diagnostic | None:
    """Return the finding for the first argument that a callee does not take, None if all fit."""
    if matched.fault is None:
        return None
    fault, arg = matched.fault
    name, known = arg.name or "", formals.names
    if fault == "unknown":
        return unknown_argument(formals.callee, name, arg.span, known)
    if fault == "twice":
        return bad_argument(formals.callee, f"has `{name}` twice", arg.span)
    return bad_argument(formals.callee, _most(formals), arg.span)


def _most(formals: Formals) -> str:
    """Say how many arguments a callee takes, for a call with too many."""
    count = len(formals.positional)
    if count:
        names = ", ".join(map(formals.shown.format, formals.positional))
        return f"takes {count} argument{'s' if count > 1 else ''}: {names}"
    if formals.named:
        return f"takes its arguments by name: {', '.join(formals.named)}"
    return "takes no argument" if formals.shown == "{}" else f"has no `{formals.shown.format(1)}`"


def unknown_argument(callee: str, name: str, span: Span, known: Iterable[str]) -> Diagnostic:
    """Return the finding for an argument that `callee` does not have."""
    names = list(known)
    fix = renamed(span, name, nearest(name, names))
    close = hint(name, names)
    help = f"`{callee}` takes {', '.join(f'`{one}`' for one in names)}" if names else None
    return RULE.at(
        span, f"`{callee}` has no `{name}`{close}", help=None if close else help, fix=fix
    )


def not_given_back(block: str, register: str, span: Span) -> Diagnostic:
    """Return the finding for a block that ends without a register, and says no results."""
    text = f"does not give `{register}` back: say what it gives, `{block}(..) -> (..)`"
    return bad_argument(block, text, span)


def missing_argument(callee: str, name: str, span: Span) -> Diagnostic:
    """Return the finding for an argument that `callee` needs."""
    return RULE.at(span, f"`{callee}` needs `{name}`", about=(name,))


def bad_argument(callee: str, message: str, span: Span, help: str | None = None) -> Diagnostic:
    """Return the finding for an argument of the wrong sort or number; `help` names its repair.

    `callee` is text of the language, or with an article what it is.
    """
    subject = callee if callee.startswith(("a ", "an ", "the ")) else f"`{callee}`"
    return RULE.at(span, f"{subject} {message}", help=help)
