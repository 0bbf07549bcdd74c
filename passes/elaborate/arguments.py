"""The arguments of a call, matched with what its callee takes; findings where they do not fit."""

from collections.abc import Sequence

from revc.grammar import ast
from revc.grammar.span import Span
from revc.passes.analysis.arguments import Formals, Matched, match
from revc.passes.rules.report import Findings
from revc.passes.rules.s003_unknown_argument import missing_argument, unfit_argument


def matched(findings: Findings, args: Sequence[ast.Arg], formals: Formals) -> Matched:
    """Return which argument is which.

    Raises:
        Reported: one is unknown, given twice, or too many.
    """
    found = match(args, formals)
    findings.demand(unfit_argument(formals, found))
    return found


def all_of(
    findings: Findings, args: Sequence[ast.Arg], formals: Formals, span: Span
) -> dict[str, ast.Arg]:
    """Return the argument of every name that a callee takes by position, for the call at `span`.

    Raises:
        Reported: one is unknown, given twice, too many, or missing.
    """
    given = matched(findings, args, formals).given
    for name in formals.positional:
        if name not in given:
            shown = formals.shown.format(name)
            raise findings.reject(missing_argument(formals.callee, shown, span))
    return given
