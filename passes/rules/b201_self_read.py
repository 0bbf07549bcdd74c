"""B201: an update that reads what it changes."""

from collections.abc import Mapping
from dataclasses import replace

from revc.grammar.diagnostics import Diagnostic
from revc.grammar.span import Span
from revc.ir.dims import Dim
from revc.ir.expr import Place
from revc.passes.analysis.shapes import apart, common
from revc.passes.rules.base import Page, Rule
from revc.passes.rules.l108_slice_alias import overlap

RULE = Rule(
    "B201",
    "self-read",
    "deny",
    Page(
        what="The value of an update, a scale or a distribution reads the register that it "
        "changes.",
        why="`a += f(b)` is undone by subtracting f(b), which is still there. `a += f(a)` is not:"
        " f(a) was computed from a value that is gone. Read another register, or write "
        "`scale` for a factor, `residual` for x + f(x) with a contraction.",
        bad="""
dim B, c
state lattice(Q12.20)
model M(a: [B, c]) {
  a += tanh(a)
}
""",
        good="""
dim B, c
state lattice(Q12.20)
model M(a, b: [B, c]) {
  a += tanh(b)
}
""",
        source="Dinh, Krueger, Bengio, NICE (2014), section 3.2",
    ),
)


def clash(
    at: Place, read: Place, span: Span, via: str | None = None, turns: Mapping[str, Dim] = {}
) -> Diagnostic | None:
    """Return the finding (B201, L108) if an update of `at` reads some of it, perhaps by a let.

    `turns` has the number of turns of each loop that the places name.
    """
    if read.name != at.name or apart(read, at, turns):
        return None
    where = read.span if via is None else span
    if read.index and at.index:
        return overlap(at.name, common(read, at), where)
    return self_read(at.name, where, via)


def self_read(name: str, span: Span, via: str | None = None) -> Diagnostic:
    """Return the finding that the update of `name` reads it, perhaps by the let `via`."""
    how = f" by `{via}`" if via else ""
    text = f"the update of `{name}` reads `{name}`{how}; its inverse is not available"
    halves = f"`split {name} -> {name}1, {name}2`, then `{name}1 += F({name}2)`"
    return RULE.at(span, text, help=f"read another register, or halve this one: {halves}")


def colliding(finding: Diagnostic, collision: str | None, note: str) -> Diagnostic:
    """Return a finding with the collision where one was found, else with a note on the search."""
    if finding.code != RULE.code:
        return finding
    if collision is None:
        return replace(finding, notes=(note,)) if note else finding
    message = f"{finding.message}; collision found: {collision}"
    return replace(finding, message=message, witness=collision)
