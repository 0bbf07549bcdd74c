"""S002: a name that nothing in reach declares."""

from collections.abc import Iterable, Iterator

from revc.grammar import ast
from revc.grammar.diagnostics import Diagnostic, Edit, Fix, renamed
from revc.grammar.foreign import RETURN
from revc.grammar.habits import WORDS
from revc.grammar.span import Span
from revc.passes.modules import Module, nowhere
from revc.passes.rules.base import Page, Rule, hint, nearest

RULE = Rule(
    "S002",
    "unknown-name",
    "deny",
    Page(
        what="A net, block, register, module, tape or meter is used that nothing in reach "
        "declares.",
        why="Names are never made by use: a misspelt name would otherwise be a second register or "
        "a second set of weights. Built-in nets come in by `use std.nets: ...`, blocks of other "
        "files by `use FILE: ...`.",
        bad="""
use std.nets: attention
dim B, T, c = 64
state lattice(Q12.20)
model M(a, b: [B, T, c]) {
  a += atention(b, heads = 8)
}
""",
        good="""
use std.nets: attention
dim B, T, c = 64
state lattice(Q12.20)
model M(a, b: [B, T, c]) {
  a += attention(b, heads = 8)
}
""",
        source="docs/language.md, names",
    ),
)


def check(file: Module) -> Iterator[Diagnostic]:
    """Yield a finding for each budget of a meter that no model has."""
    from revc.passes.analysis.meters import budget_targets, covers, meters  # few specs have budgets

    targets = budget_targets(file)
    known = list(meters(file)) if targets else []
    names = sorted({f"{meter.model}.{meter.name}" for meter in known if meter.name})
    for target in targets:
        if not any(covers(target, meter) for meter in known):
            yield unknown_name("meter", target.id, target.span, names)


def unknown_name(what: str, name: str, span: Span, known: Iterable[str]) -> Diagnostic:
    """Return the finding for a `what` (net, block, register) called `name` that there is not."""
    help = RETURN if name == "return" else WORDS.get(name)
    names = list(known)
    fix = renamed(span, name, nearest(name, names))
    return RULE.at(span, f"no {what} `{name}`{hint(name, names)}", help=help, fix=fix)


def unknown_target(name: str, span: Span, known: Iterable[str]) -> Diagnostic:
    """Return the finding for a statement that changes a register that there is not."""
    text = f"a statement changes state that there is: make it first, `alloc {name}: [..] = 0`"
    names = list(known)
    fix = renamed(span, name, nearest(name, names))
    return RULE.at(span, f"no register `{name}`{hint(name, names)}", help=text, fix=fix)


def import_builtin(name: str, span: Span, file: Module) -> Diagnostic:
    """Return the finding for a built-in net that `file` does not import."""
    text = f"import it: `use std.nets: {name}`"
    return RULE.at(
        span, f"no net `{name}` here, but a built-in one", help=text, fix=_imported(name, file)
    )


def _imported(name: str, file: Module) -> Fix:
    """Return the repair that imports a built-in net, beside others or at the top of the file."""
    uses = (use for use in file.items(ast.Use) if getattr(use, "module", "") == "std.nets")
    for use in uses:
        return Fix((Edit(use.span.after(), "", f", {name}"),), safe=True)
    top = nowhere(file.file.span.file)
    return Fix((Edit(top._replace(end_column=1), "", f"use std.nets: {name}\n"),), safe=True)
